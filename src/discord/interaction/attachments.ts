import { UserError } from '../../errors.ts'
import { LARGEST_PICTURE_BYTES } from '../../limits.ts'
import { withoutMetadata } from '../../metadata/without-metadata.ts'

/**
 * The fields of Discord's attachment object that are used. They are claims of the sender until the bytes have been
 * checked.
 */
export interface AttachmentOption {
  readonly url: string
  readonly name: string
  /** In bytes. */
  readonly size: number
  readonly contentType: string | null
  /** It was covered as a spoiler. */
  readonly spoiler?: boolean
}

/** What a person may upload. */
export interface FileKind {
  /** Completes "is not …". */
  readonly asked: string
  /** Completes "please send …". */
  readonly called: string
  readonly limitBytes: number
  readonly fits: (attachment: AttachmentOption) => boolean
}

interface FetchOptions {
  /** Origins that may be fetched from, such as `https://cdn.discordapp.com`. Nothing else is ever fetched. */
  readonly origins: readonly string[]
  /** @default a picture */
  readonly kind?: FileKind
  /** @default the kind's */
  readonly limitBytes?: number
  /** @default 20_000 */
  readonly timeoutMilliseconds?: number
}

/** The types that both Discord's galleries and the decoder support. */
const extensions: ReadonlyMap<string, string> = new Map([
  ['image/png', 'png'],
  ['image/jpeg', 'jpg'],
  ['image/webp', 'webp'],
  ['image/gif', 'gif'],
  ['image/avif', 'avif'],
])

/** Read, but not shown by Discord: posted as a PNG. */
const readOnly: ReadonlySet<string> = new Set(['image/tiff'])

/** Types that people often send and what they can do about it; completes "A is …". */
const unreadable: readonly (readonly [pattern: RegExp, sentence: string])[] = [
  [
    /^image\/(heic|heif)|\.(heic|heif)$/i,
    'a HEIC photo, which I can’t read: on an iPhone, choose Options → Most Compatible when you share it, or send a screenshot',
  ],
  [/^image\/svg|\.svgz?$/i, 'an SVG drawing: please save it as a PNG first'],
  [/^video\/|\.(mp4|mov|webm)$/i, 'a video: please send a picture of one moment of it'],
]

export const picture: FileKind = {
  asked: 'a type of picture I can read; please send a PNG, JPEG, WebP, GIF or AVIF',
  called: 'a picture',
  limitBytes: LARGEST_PICTURE_BYTES,
  fits: ({ contentType }) =>
    contentType === null || extensions.has(mediaType(contentType)) || readOnly.has(mediaType(contentType)),
}

/** Discord has no content type for it. */
export const differenceFile: FileKind = {
  asked: 'a difference; please send a file that ends in `.safetensors`, such as `/diffs export` writes',
  called: 'a difference file',
  limitBytes: 1_000_000,
  fits: ({ name }) => /\.safetensors$/i.test(name),
}

/** Cheap checks of what Discord says about a file, before anything is downloaded. @throws UserError */
export function checkAttachment(label: string, attachment: AttachmentOption, kind = picture): void {
  const known = unreadable.find(
    ([pattern]) => pattern.test(attachment.contentType ?? '') || pattern.test(attachment.name),
  )
  if (kind === picture && known) throw new UserError(`${label} is ${known[1]}.`)
  if (!kind.fits(attachment)) throw new UserError(`${label} is not ${kind.asked}.`)
  if (attachment.size === 0) throw new UserError(`${label} is an empty file.`)
  if (attachment.size > kind.limitBytes) throw tooLarge(label, kind, kind.limitBytes)
}

/** Discord marks it with a flag, and used to mark it by the name alone. */
export const isSpoiler = ({ spoiler, name }: AttachmentOption): boolean =>
  spoiler === true || name.startsWith('SPOILER_')

/** A name for posting the file again, such as `a2.jpg`. Nothing of the sender's file name is used. */
export function fileName(stem: string, attachment: AttachmentOption): string {
  const ending = /\.(png|jpe?g|webp|gif|avif)$/i.exec(attachment.name)?.[1]?.toLowerCase()
  return `${stem}.${extensions.get(mediaType(attachment.contentType ?? '')) ?? ending ?? 'png'}`
}

/**
 * The bytes of an attachment: at most `limitBytes`, whatever its sender or the server claims. Pictures come without their
 * metadata, such as camera and location, because they are kept and posted again.
 *
 * @throws UserError
 */
export async function fetchAttachment(
  label: string,
  attachment: AttachmentOption,
  { origins, kind = picture, limitBytes = kind.limitBytes, timeoutMilliseconds = 20_000 }: FetchOptions,
): Promise<Uint8Array> {
  const url = URL.parse(attachment.url)
  if (!url || !origins.includes(url.origin)) {
    throw new UserError(`${label} is on a host I may not download from; please upload it to Discord.`)
  }
  try {
    // A redirect could lead anywhere, so it is an error.
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMilliseconds) })
    if (!response.ok) throw new Error(`The server answered ${response.status}.`)
    const bytes = await readAtMost(response, limitBytes, () => tooLarge(label, kind, limitBytes))
    return kind === picture ? withoutMetadata(bytes) : bytes
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(`${label} could not be downloaded from Discord; please send it again.`, {}, { cause: error })
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

const tooLarge = (label: string, { called }: FileKind, limitBytes: number) =>
  new UserError(`${label} is too large; please send ${called} of at most ${Math.floor(limitBytes / 1e6)} MB.`)
