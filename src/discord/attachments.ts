import { UserError } from '../errors.ts'

/** The part of Discord's attachment object that is used; the fields are claims of the sender until the bytes are seen. */
export interface AttachmentOption {
  readonly url: string
  readonly name: string
  /** In bytes. */
  readonly size: number
  readonly contentType: string | null
}

export interface FetchOptions {
  /** Origins that may be asked, such as `https://cdn.discordapp.com`; nothing else is ever fetched. */
  readonly origins: readonly string[]
  /** @default 10 MB */
  readonly limitBytes?: number
  /** @default 20_000 */
  readonly timeoutMilliseconds?: number
}

/** What both Discord shows in a gallery and the decoder reads. */
const extensions: Readonly<Record<string, string>> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
  'image/gif': 'gif',
  'image/avif': 'avif',
}
const defaultLimitBytes = 10_000_000

/** Cheap checks of what Discord says about a file, before anything is fetched. @throws UserError */
export function checkAttachment(label: string, attachment: AttachmentOption, limitBytes = defaultLimitBytes): void {
  const { contentType, size } = attachment
  if (contentType !== null && !extensions[mediaType(contentType)]) {
    throw new UserError(`${label} is not a picture I can read; please send a PNG, JPEG, WebP, GIF or AVIF.`)
  }
  if (size === 0) throw new UserError(`${label} is an empty file.`)
  if (size > limitBytes) throw new UserError(tooLarge(label, limitBytes))
}

/** A name for posting the file again, such as `a2.jpg`; nothing of the sender's own file name survives. */
export function fileName(stem: string, attachment: AttachmentOption): string {
  const ending = /\.(png|jpe?g|webp|gif|avif)$/i.exec(attachment.name)?.[1]?.toLowerCase()
  return `${stem}.${extensions[mediaType(attachment.contentType ?? '')] ?? ending ?? 'png'}`
}

/** The bytes of an attachment, at most `limitBytes` whatever its sender or the server claim. @throws UserError */
export async function fetchAttachment(
  label: string,
  attachment: AttachmentOption,
  { origins, limitBytes = defaultLimitBytes, timeoutMilliseconds = 20_000 }: FetchOptions,
): Promise<Uint8Array> {
  const url = URL.parse(attachment.url)
  if (!url || !origins.includes(url.origin)) {
    throw new UserError(`${label} is not on a host I may fetch from; please upload it to Discord.`)
  }
  try {
    // A redirect could lead anywhere, so it is an error.
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMilliseconds) })
    if (!response.ok) throw new Error(`The server answered ${response.status}.`)
    return await readAtMost(response, limitBytes, () => new UserError(tooLarge(label, limitBytes)))
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`${label} could not be fetched from Discord; please send it again.`, { cause: error })
  }
}

async function readAtMost(response: Response, limitBytes: number, tooMuch: () => Error): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let size = 0
  // Leaving the loop early cancels the download.
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > limitBytes) throw tooMuch()
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

const mediaType = (contentType: string) => contentType.split(';')[0]!.trim().toLowerCase()

const tooLarge = (label: string, limitBytes: number) =>
  `${label} is too large; please send a picture of at most ${Math.floor(limitBytes / 1e6)} MB.`
