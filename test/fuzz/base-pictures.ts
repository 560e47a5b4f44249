import sharp, { type Sharp } from 'sharp'
import type { Format } from './containers.ts'

export interface BasePicture {
  readonly format: Format
  readonly kind: string
  readonly bytes: Buffer
}

/** Small sound pictures of every format, in the flavours a decoder has code for. */
export async function basePictures(): Promise<BasePicture[]> {
  const made: BasePicture[] = []
  for (const [format, kind, image] of flavours()) made.push({ format, kind, bytes: await image.toBuffer() })
  return made
}

const [width, height] = [48, 40]

/** RGBA with soft and sharp edges and some noise. */
const pixels = Buffer.from(
  Array.from({ length: width * height * 4 }, (_, index) => {
    const [x, y, channel] = [(index >> 2) % width, Math.floor((index >> 2) / width), index & 3]
    if (channel === 3) return y < height / 2 ? 255 : 4 * x
    return x < width / 2 ? (x * 7 + y * 3 * channel) & 255 : ((index * 2654435761) >>> 13) & 255
  }),
)
const glass = () => sharp(pixels, { raw: { width, height, channels: 4 } })
const plain = () => glass().removeAlpha()
const grey = () => plain().toColourspace('b-w')
const cmyk = () => plain().toColourspace('cmyk')
const p3 = () => plain().withIccProfile('p3')
const turned = (orientation: number) => plain().withMetadata({ orientation })
const frames = () =>
  sharp(Buffer.concat([pixels, pixels, pixels]), {
    raw: { width, height: 3 * height, channels: 4, pageHeight: height },
  })
const tiles = { tile: true, tileWidth: 16, tileHeight: 16 }

const flavours = (): readonly (readonly [Format, string, Sharp])[] => [
  ['png', 'plain', plain().png()],
  ['png', 'with alpha', glass().png()],
  ['png', 'palette', plain().png({ palette: true })],
  ['png', 'interlaced', glass().png({ progressive: true })],
  ['png', '16-bit', glass().toColourspace('rgb16').png()],
  ['png', 'grey', grey().png()],
  ['png', 'Display P3', p3().png()],
  ['png', 'turned', turned(6).png()],
  ['jpeg', 'plain', plain().jpeg()],
  ['jpeg', 'progressive', plain().jpeg({ progressive: true, chromaSubsampling: '4:4:4' })],
  ['jpeg', 'grey', grey().jpeg()],
  ['jpeg', 'CMYK', cmyk().jpeg()],
  ['jpeg', 'turned', turned(8).jpeg()],
  ['jpeg', 'Display P3', p3().jpeg()],
  ['webp', 'lossy', plain().webp()],
  ['webp', 'lossy with alpha', glass().webp()],
  ['webp', 'lossless', glass().webp({ lossless: true })],
  ['webp', 'animated', frames().webp()],
  ['webp', 'Display P3', p3().webp()],
  ['webp', 'turned', turned(5).webp()],
  ['gif', 'plain', plain().gif()],
  ['gif', 'with alpha', glass().gif()],
  ['gif', 'animated', frames().gif()],
  ['avif', 'plain', plain().avif({ effort: 0 })],
  ['avif', 'with alpha', glass().avif({ effort: 0 })],
  ['avif', 'lossless', plain().avif({ effort: 0, lossless: true })],
  ['avif', '12-bit', plain().avif({ effort: 0, bitdepth: 12 })],
  ['avif', '4:2:0', plain().avif({ effort: 0, chromaSubsampling: '4:2:0' })],
  ['tiff', 'plain', plain().tiff({ compression: 'none' })],
  ['tiff', 'LZW', glass().tiff({ compression: 'lzw', predictor: 'horizontal' })],
  ['tiff', 'deflate', plain().tiff({ compression: 'deflate' })],
  ['tiff', 'JPEG', plain().tiff({ compression: 'jpeg' })],
  ['tiff', 'tiled', plain().tiff({ compression: 'deflate', ...tiles })],
  ['tiff', 'pyramid', plain().tiff({ compression: 'none', pyramid: true, ...tiles })],
  ['tiff', 'float', plain().toColourspace('scrgb').tiff({ compression: 'none' })],
  ['tiff', 'CMYK', cmyk().tiff({ compression: 'lzw' })],
  ['tiff', 'fax', grey().tiff({ compression: 'ccittfax4', bitdepth: 1 })],
  ['tiff', 'pages', frames().tiff({ compression: 'lzw' })],
]
