import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type { Clock } from './clock.ts'

/** A file that Discord keeps: of a message, or uploaded for a command or a form. */
export interface StoredFile {
  readonly id: string
  readonly name: string
  /** Alt text. */
  readonly alt: string
  readonly bytes: Uint8Array
  readonly contentType: string
  readonly channelId: string
  /** Uploaded for a command or a form, and not part of a message. */
  readonly isEphemeral?: boolean
  /** Where a hostile server would send whoever asks for it. */
  readonly redirect?: string
}

/** As an interaction shows a file to the bot. */
export interface Attachment {
  readonly id: string
  readonly url: string
  readonly filename?: string
  readonly content_type?: string
  readonly size?: number
  readonly flags?: number
}

export interface Files {
  readonly keep: (file: Omit<StoredFile, 'id'>) => StoredFile
  readonly get: (id: string) => StoredFile | undefined
  /** Signed, and good for a day; every answer of Discord's has a fresh one. */
  readonly urlOf: (file: StoredFile) => string
  readonly view: (file: StoredFile) => Attachment
  readonly serve: (url: URL, response: ServerResponse) => void
}

const day = 24 * 60 * 60_000

export function createFiles(origin: string, clock: Clock): Files {
  const files = new Map<string, StoredFile>()
  const signature = (id: string, until: string) => createHash('sha256').update(`${id} ${until}`).digest('hex')

  const urlOf = ({ id, name, channelId, isEphemeral }: StoredFile): string => {
    const seconds = (milliseconds: number) => Math.floor(milliseconds / 1000).toString(16)
    const [ex, is] = [seconds(clock.now() + day), seconds(clock.now())]
    const folder = isEphemeral ? 'ephemeral-attachments' : 'attachments'
    const path = `${folder}/${channelId}/${id}/${encodeURIComponent(name)}`
    return `${origin}/${path}?ex=${ex}&is=${is}&hm=${signature(id, ex)}&`
  }

  return {
    keep: (file) => {
      const kept = { ...file, id: clock.nextId() }
      files.set(kept.id, kept)
      return kept
    },
    get: (id) => files.get(id),
    urlOf,
    view: (file) => {
      const { id, name, alt, bytes, contentType, isEphemeral } = file
      const url = urlOf(file)
      return {
        id,
        url,
        proxy_url: url,
        filename: name,
        content_type: contentType,
        size: bytes.length,
        ...(alt && { description: alt }),
        // The flag of what was uploaded as a spoiler; apps say so by the name, too.
        ...(name.startsWith('SPOILER_') && { flags: 1 << 3 }),
        ...(isEphemeral && { ephemeral: true }),
        ...(contentType.startsWith('image/') && { width: 64, height: 64 }),
      }
    },
    serve: ({ pathname, searchParams }, response) => {
      const file = files.get(pathname.split('/')[3] ?? '')
      const until = searchParams.get('ex') ?? ''
      const isSigned = file && searchParams.get('hm') === signature(file.id, until)
      if (!file || !isSigned || Number.parseInt(until, 16) * 1000 < clock.now()) {
        return void response.writeHead(404).end('This content is no longer available.')
      }
      if (file.redirect) return void response.writeHead(302, { location: file.redirect }).end()
      response.writeHead(200, { 'content-type': file.contentType }).end(file.bytes)
    },
  }
}

/** What Discord makes of a file's name. */
export function contentTypeOf(name: string): string {
  const ending = name.split('.').at(-1)?.toLowerCase() ?? ''
  const images: Readonly<Record<string, string>> = { jpg: 'jpeg', jpeg: 'jpeg', png: 'png', gif: 'gif', webp: 'webp' }
  return images[ending] ? `image/${images[ending]}` : ending === 'txt' ? 'text/plain' : 'application/octet-stream'
}
