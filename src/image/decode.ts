import type { Metadata, Sharp } from 'sharp'
import sharp from 'sharp'
import { UserError } from '../errors.ts'
import { LARGEST_PICTURE_BYTES } from '../limits.ts'
import { type Sentence, sentence } from '../sentence.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { tensor } from '../tensor/tensor.ts'
import { checkSize, LARGEST_PIXELS, type Name } from './check-size.ts'
import { type Frame, type Picture, type RgbaBytes, type Size, scaled } from './picture.ts'
import { resample } from './resample.ts'
import { trapIn } from './traps.ts'

const LONGEST_SECONDS = 30

const SIGNATURES: readonly { readonly format: Metadata['format']; readonly starts: RegExp }[] = [
  { format: 'png', starts: /^\x89PNG\r\n/ },
  { format: 'jpeg', starts: /^\xff\xd8\xff/ },
  { format: 'webp', starts: /^RIFF.{4}WEBP/s },
  { format: 'gif', starts: /^GIF8[79]a/ },
  { format: 'heif', starts: /^.{4}ftyp(.{4}){0,8}avi[fs]/s },
  { format: 'tiff', starts: /^(II\*\0|MM\0\*)/ },
]
const SVG = /^(\xef\xbb\xbf)?\s*<(svg|\?xml|!DOCTYPE svg|!--)/i
const HEIC = /^.{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)/s

// Each picture is read once: a cache would only use memory.
sharp.cache(false)

/**
 * Decodes PNG, JPEG, WebP, GIF, AVIF or TIFF bytes and fits the whole picture into `width` × `height`, padded with the
 * mean colour of its border. It is turned upright by its EXIF orientation; transparency becomes white, any depth or
 * colour space 8-bit sRGB, and of an animation the first frame is used.
 *
 * @param name The person's name for the picture ("A′"); messages begin with it.
 * @throws UserError if the bytes are no such picture, damaged, or larger than 10 MB or 67 million pixels (33 in a TIFF
 *   or a deep interlaced PNG, 22 in an AVIF, which take more memory or time)
 */
export async function decodeImage(
  bytes: Uint8Array,
  { name, width, height }: { readonly name: Name } & Size,
): Promise<Picture> {
  const format = recognise(bytes, name)
  const trap = trapIn(bytes, format)
  if (trap) throw unreadable(name, trap)
  const header = await readable(name, sharp(bytes, { limitInputPixels: false }).metadata())
  if (header.format !== format) throw unreadable(name, 'damaged')
  const size = header.autoOrient
  checkSize(size, header, name)

  const frame = fit(size, { width, height })
  const { rgb, isWhole } = await readable(name, readRgb(bytes, frame, format))
  const notices = [
    ...(isWhole ? [] : [sentence('{name} is cut off: a part of it is missing.', { name })]),
    ...noticesOf(bytes, header, name),
  ]
  return { pixels: place(rgb, frame, { width, height }), frame, size, notices }
}

/** A JPEG may lack its end; one that lacks pixels as well is read as far as it goes, as every viewer shows it. */
async function readRgb(
  bytes: Uint8Array,
  { width, height }: Size,
  format: Metadata['format'],
): Promise<{ readonly rgb: Uint8Array; readonly isWhole: boolean }> {
  const read = (file: Uint8Array, failOn: FailOn) =>
    rawRgb(upright(file, failOn).resize(width, height, { fit: 'fill' }))
  if (format !== 'jpeg') return { rgb: await read(bytes, 'error'), isWhole: true }
  const ended = Buffer.concat([bytes, END_OF_JPEG])
  try {
    return { rgb: await read(ended, 'warning'), isWhole: true }
  } catch (error) {
    const isWhole = !/premature end/i.test(String(error))
    return { rgb: await read(bytes, isWhole ? 'error' : 'none'), isWhole }
  }
}

const END_OF_JPEG = Buffer.from([0xff, 0xd9])

/**
 * A picture that `decodeImage` has read, at its own size, upright and on white: [3, height, width] in −1…1. Smaller than
 * `least` along its longest side it is enlarged, larger than 2,048 px made smaller.
 */
export async function decodeWhole(bytes: Uint8Array, least: number): Promise<Tensor> {
  const whole = upright(bytes, 'none').resize(LARGEST_WHOLE, LARGEST_WHOLE, { fit: 'inside', withoutEnlargement: true })
  const { data, info } = await whole
    .timeout({ seconds: LONGEST_SECONDS })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  const { width, height } = info
  const scale = Math.max(1, least / Math.max(width, height))
  // Sharp's enlargements are half a pixel off.
  const made = resample({ width, height, data }, scaled(width, scale), scaled(height, scale))
  const frame = { left: 0, top: 0, width: made.width, height: made.height }
  return place(made.data, frame, frame)
}

/** Larger ones take more bytes as PNG than Discord takes. */
const LARGEST_WHOLE = 2048

/**
 * Decodes the whole picture upright, with its transparency, never enlarged.
 * @param bytes A picture that `decodeImage` has read.
 * @param longest The longest side in pixels.
 */
export async function decodeRgba(bytes: Uint8Array, longest: number): Promise<RgbaBytes> {
  const { data, info } = await sharp(bytes, { limitInputPixels: LARGEST_PIXELS, failOn: 'none' })
    .autoOrient()
    .toColourspace('srgb')
    .ensureAlpha()
    .resize(longest, longest, { fit: 'inside', withoutEnlargement: true })
    .timeout({ seconds: LONGEST_SECONDS })
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
  return { width: info.width, height: info.height, data }
}

function recognise(bytes: Uint8Array, name: Name): Metadata['format'] {
  if (bytes.length === 0) throw new UserError('{name} is empty: choose another picture.', { name })
  if (bytes.length > LARGEST_PICTURE_BYTES) {
    throw new UserError('{name} is {megabytes} MB and the limit is {limit} MB: make it smaller.', {
      name,
      megabytes: (bytes.length / 1024 / 1024).toFixed(1),
      limit: LARGEST_PICTURE_BYTES / 1024 / 1024,
    })
  }
  const start = Buffer.from(bytes.subarray(0, 256)).toString('latin1')
  const format = SIGNATURES.find(({ starts }) => starts.test(start))?.format
  if (format) return format
  if (SVG.test(start)) throw new UserError('{name} is an SVG drawing: save it as a PNG first.', { name })
  if (HEIC.test(start))
    throw new UserError(
      '{name} is a HEIC photo, which cannot be read here: on an iPhone, choose Options → Most Compatible when you share it, or send a screenshot.',
      { name },
    )
  throw new UserError('{name} is not a picture that can be read here: use a PNG, JPEG, WebP, GIF, AVIF or TIFF file.', {
    name,
  })
}

async function readable<Result>(name: Name, work: Promise<Result>): Promise<Result> {
  try {
    return await work
  } catch (cause) {
    const isLate = cause instanceof Error && cause.message.startsWith('timeout')
    throw unreadable(name, isLate ? 'slow' : 'damaged', cause)
  }
}

function unreadable(name: Name, how: 'slow' | 'damaged', cause?: unknown): UserError {
  return new UserError(
    how === 'slow'
      ? '{name} takes too long to read: save it again as a PNG or JPEG.'
      : '{name} is damaged or cut off: save it again as a PNG or JPEG.',
    { name },
    { cause },
  )
}

function noticesOf(bytes: Uint8Array, { format, pages = 1 }: Metadata, name: Name): Sentence[] {
  if (format === 'tiff')
    return pages > 1 ? [sentence('{name} has {pages} pages; its first was used.', { name, pages })] : []
  const animated = pages > 1 || (format === 'png' && isAnimatedPng(bytes))
  return animated ? [sentence('{name} is animated; its first frame was used.', { name })] : []
}

/** An APNG announces its frames before the pixels of the first one. */
function isAnimatedPng(bytes: Uint8Array): boolean {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const announced = file.indexOf('acTL')
  return announced >= 0 && announced < file.indexOf('IDAT')
}

function fit(size: Size, box: Size): Frame {
  const scale = Math.min(box.width / size.width, box.height / size.height)
  const width = scaled(size.width, scale)
  const height = scaled(size.height, scale)
  return { left: Math.floor((box.width - width) / 2), top: Math.floor((box.height - height) / 2), width, height }
}

type FailOn = 'warning' | 'error' | 'none'

/** The picture as everything here takes it. @param failOn `none` for what has been read before, or is read as far as it goes. */
export const upright = (bytes: Uint8Array, failOn: FailOn) =>
  sharp(bytes, { limitInputPixels: LARGEST_PIXELS, failOn })
    .autoOrient()
    .flatten({ background: 'white' })
    .toColourspace('srgb')

async function rawRgb(image: Sharp): Promise<Uint8Array> {
  return image.timeout({ seconds: LONGEST_SECONDS }).raw({ depth: 'uchar' }).toBuffer()
}

/** Interleaved RGB bytes of the frame → [3, height, width] in −1…1, surrounded by the border's mean colour. */
function place(rgb: Uint8Array, frame: Frame, box: Size): Tensor {
  const { data } = tensor([3, box.height, box.width])
  for (let channel = 0; channel < 3; channel++) {
    const value = (x: number, y: number) => rgb[(y * frame.width + x) * 3 + channel]! / 127.5 - 1
    const plane = data.subarray(channel * box.width * box.height, (channel + 1) * box.width * box.height)
    plane.fill(borderMean(value, frame))
    for (let y = 0; y < frame.height; y++) {
      for (let x = 0; x < frame.width; x++) plane[(frame.top + y) * box.width + frame.left + x] = value(x, y)
    }
  }
  return tensor([3, box.height, box.width], data)
}

function borderMean(value: (x: number, y: number) => number, { width, height }: Size): number {
  let sum = 0
  for (let x = 0; x < width; x++) sum += value(x, 0) + value(x, height - 1)
  for (let y = 0; y < height; y++) sum += value(0, y) + value(width - 1, y)
  return sum / (2 * (width + height))
}
