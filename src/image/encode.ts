import type { Sharp } from 'sharp'
import sharp from 'sharp'
import type { Tensor } from '../tensor/tensor.ts'
import { upright } from './decode.ts'
import { type Frame, LEAST_OUTPUT, type RgbaBytes, type Size, scaled } from './picture.ts'
import { resample, toRgbBytes } from './resample.ts'

/**
 * Encodes as PNG. The same pixels give the same bytes.
 *
 * @param pixels [3, height, width], RGB in −1…1; values beyond are clamped.
 * @param options.frame The part to keep. @default all of it
 * @param options.size The original's size: the result gets its aspect ratio and its longest side, but at most 4 times that
 *   of `pixels`, and at least that of `pixels` and 512 px; bicubic. @default the size of `frame`
 * @throws RangeError if a pixel is not a finite number
 */
export async function encodePng(
  pixels: Tensor,
  options: { readonly frame?: Frame; readonly size?: Size } = {},
): Promise<Uint8Array> {
  const [, height, width] = pixels.dims as [number, number, number]
  const frame = options.frame ?? { left: 0, top: 0, width, height }
  const { size = frame } = options
  const side = Math.max(width, height)
  const longest = options.size
    ? Math.max(side, LEAST_OUTPUT, Math.min(side * LARGEST_ENLARGEMENT, Math.max(size.width, size.height)))
    : Math.max(frame.width, frame.height)
  const scale = longest / Math.max(size.width, size.height)
  const part = await sharp(toRgbBytes(pixels).data, { raw: { width, height, channels: 3 } })
    .extract(frame)
    .raw()
    .toBuffer()
  const made = resample(
    { width: frame.width, height: frame.height, data: part },
    scaled(size.width, scale),
    scaled(size.height, scale),
  )
  return png(sharp(made.data, { raw: { width: made.width, height: made.height, channels: 3 } }))
}

/** PNG bytes, without transparency if there is none. */
export async function encodeRgba({ width, height, data }: RgbaBytes): Promise<Uint8Array> {
  const image = sharp(data, { raw: { width, height, channels: 4 } })
  const isOpaque = data.every((value, at) => at % 4 !== 3 || value === 255)
  return (isOpaque ? image.removeAlpha() : image).png().toBuffer()
}

/**
 * Encoded images as one PNG: a white grid, each image complete and centred in its cell.
 *
 * @param options.cell Width and height of a cell in pixels.
 */
export async function contactSheet(
  rows: readonly (readonly Uint8Array[])[],
  { cell }: { readonly cell: number },
): Promise<Uint8Array> {
  const gutter = Math.max(1, Math.round(cell / 16))
  const pitch = cell + gutter
  const tiles = rows.flatMap((row, down) =>
    row.map(async (bytes, across) => ({
      input: await sharp(bytes).resize(cell, cell, { fit: 'contain', background: 'white' }).png().toBuffer(),
      left: gutter + across * pitch,
      top: gutter + down * pitch,
    })),
  )
  const columns = Math.max(...rows.map((row) => row.length))
  const width = gutter + columns * pitch
  const height = gutter + rows.length * pitch
  return png(
    sharp({ create: { width, height, channels: 3, background: 'white' } })
      .composite(await Promise.all(tiles))
      .removeAlpha(),
  )
}

/**
 * A thumbnail as PNG: complete, upright, never enlarged.
 *
 * @param bytes A picture that `decodeImage` has read.
 * @param side The longest side in pixels.
 */
export function thumbnail(bytes: Uint8Array, side: number): Promise<Uint8Array> {
  return png(upright(bytes, 'none').resize(side, side, { fit: 'inside', withoutEnlargement: true }))
}

/** A and A′ side by side with an arrow between them, as PNG of 272 × 128 px. `decodeImage` has read both. */
export async function pairPicture(a: Uint8Array, a2: Uint8Array): Promise<Uint8Array> {
  const side = 128
  const gap = 16
  const clear = { r: 0, g: 0, b: 0, alpha: 0 }
  const tile = (bytes: Uint8Array) =>
    upright(bytes, 'none').resize(side, side, { fit: 'contain', background: clear }).png().toBuffer()
  // The grey of Discord's own symbols, visible on its light and dark backgrounds.
  const arrow = Buffer.from(
    `<svg xmlns="http://www.w3.org/2000/svg" width="${gap}" height="${side}"><path d="M3 64H13M8 58L13 64L8 70" fill="none" stroke="#80848e" stroke-width="2.5" stroke-linecap="round" stroke-linejoin="round"/></svg>`,
  )
  return png(
    sharp({ create: { width: 2 * side + gap, height: side, channels: 4, background: clear } }).composite([
      { input: await tile(a), left: 0, top: 0 },
      { input: arrow, left: side, top: 0 },
      { input: await tile(a2), left: side + gap, top: 0 },
    ]),
  )
}

/** Renders one of our own drawings as PNG. */
export const drawSvg = (svg: string): Promise<Uint8Array> => png(sharp(Buffer.from(svg)).removeAlpha())

/** The side of an output of more than 512 px is at most this many times the model's. */
const LARGEST_ENLARGEMENT = 4

const png = (image: Sharp) => image.png({ compressionLevel: 9 }).toBuffer()
