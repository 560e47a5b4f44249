import { UserError } from '../../errors.ts'
import { LARGEST_PICTURE_BYTES } from '../../limits.ts'
import { withoutMetadata } from '../../metadata/without-metadata.ts'
import { type Sentence, template } from '../../sentence.ts'

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

/** How a file is named to its sender, at the start of a sentence: “A”, “The picture”. */
export type Label = string | Sentence

/** What a person may upload. */
export interface FileKind {
  /** Said of another file: `{label} is not …`. */
  readonly refusal: string
  /** Said of a larger one: `{label} is too large; … {limit} MB`. */
  readonly tooLarge: string
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

/** Types that people often send, and what they can do about it. */
const unreadable: readonly (readonly [pattern: RegExp, error: (label: Label) => UserError])[] = [
  [
    /^image\/(heic|heif)|\.(heic|heif)$/i,
    (label) =>
      new UserError(
        '{label} is a HEIC photo, which I can’t read: on an iPhone, choose Options → Most Compatible when you share it, or send a screenshot.',
        { label },
      ),
  ],
  [
    /^image\/svg|\.svgz?$/i,
    (label) => new UserError('{label} is an SVG drawing: please save it as a PNG first.', { label }),
  ],
  [
    /^video\/|\.(mp4|mov|webm)$/i,
    (label) => new UserError('{label} is a video: please send a picture of one moment of it.', { label }),
  ],
]

export const picture: FileKind = {
  refusal: template('{label} is not a type of picture I can read; please send a PNG, JPEG, WebP, GIF or AVIF.'),
  tooLarge: template('{label} is too large; please send a picture of at most {limit} MB.'),
  limitBytes: LARGEST_PICTURE_BYTES,
  fits: ({ contentType }) =>
    contentType === null || extensions.has(mediaType(contentType)) || readOnly.has(mediaType(contentType)),
}

/** Discord has no content type for it. */
export const differenceFile: FileKind = {
  refusal: template(
    '{label} is not a difference; please send a file that ends in `.safetensors`, such as `/diffs export` writes.',
  ),
  tooLarge: template('{label} is too large; please send a difference file of at most {limit} MB.'),
  limitBytes: 1_000_000,
  fits: ({ name }) => /\.safetensors$/i.test(name),
}

/** Cheap checks of what Discord says about a file, before anything is downloaded. @throws UserError */
export function checkAttachment(label: Label, attachment: AttachmentOption, kind = picture): void {
  const known = unreadable.find(
    ([pattern]) => pattern.test(attachment.contentType ?? '') || pattern.test(attachment.name),
  )
  if (kind === picture && known) throw known[1](label)
  if (!kind.fits(attachment)) throw new UserError(kind.refusal, { label })
  if (attachment.size === 0) throw new UserError('{label} is an empty file.', { label })
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
  label: Label,
  attachment: AttachmentOption,
  { origins, kind = picture, limitBytes = kind.limitBytes, timeoutMilliseconds = 20_000 }: FetchOptions,
): Promise<Uint8Array> {
  const url = URL.parse(attachment.url)
  if (!url || !origins.includes(url.origin)) {
    throw new UserError('{label} is on a host I may not download from; please upload it to Discord.', { label })
  }
  try {
    // A redirect could lead anywhere, so it is an error.
    const response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMilliseconds) })
    if (!response.ok) throw new Error(`The server answered ${response.status}.`)
    const bytes = await readAtMost(response, limitBytes, () => tooLarge(label, kind, limitBytes))
    return kind === picture ? withoutMetadata(bytes) : bytes
  } catch (error) {
    if (error instanceof UserError) throw error
    throw new UserError(
      '{label} could not be downloaded from Discord; please send it again.',
      { label },
      { cause: error },
    )
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

const tooLarge = (label: Label, { tooLarge: sentence }: FileKind, limitBytes: number) =>
  new UserError(sentence, { label, limit: Math.floor(limitBytes / 1e6) })
