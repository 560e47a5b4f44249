import assert from 'node:assert/strict'
import { crc32, deflateSync } from 'node:zlib'
import type { Color } from 'sharp'
import sharp from 'sharp'
import type { Picture } from '../../src/image/picture.ts'

// Pictures for the tests of this folder.

export function flat(width: number, height: number, background: Color) {
  return sharp({ create: { width, height, channels: 3, background } })
}

/** Left half orange, right half blue. */
export function halves(width: number, height: number) {
  const pixels = Buffer.alloc(width * height * 3)
  for (let index = 0; index < width * height; index++) {
    pixels.set(index % width < width / 2 ? [200, 40, 0] : [0, 40, 200], index * 3)
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
}

export function noise(width: number, height: number) {
  const pixels = Buffer.from(Array.from({ length: width * height * 3 }, (_, index) => (index * 2654435761) >>> 11))
  return sharp(pixels, { raw: { width, height, channels: 3 } })
}

/** A PNG by hand: what it claims of itself need not be true. */
export function png(width: number, height: number, extra: readonly Buffer[] = [], rows?: Buffer) {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  const pixels = rows ?? deflateSync(Buffer.alloc(Math.min(height, 64) * (1 + Math.min(width, 64) * 3)))
  const signature = Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')
  return Buffer.concat([signature, chunk('IHDR', header), ...extra, chunk('IDAT', pixels), chunk('IEND')])
}

export function chunk(type: string, data: Buffer = Buffer.alloc(0)) {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const framed = Buffer.alloc(body.length + 8)
  framed.writeUInt32BE(data.length)
  body.copy(framed, 4)
  framed.writeUInt32BE(crc32(body), body.length + 4)
  return framed
}

/** RGB in 0…255. */
export const colour = ({ pixels }: Picture, x: number, y: number) =>
  [0, 1, 2].map((channel) => (pixels.data[channel * 64 * 64 + y * 64 + x]! + 1) * 127.5)

export const near = (actual: readonly number[], expected: readonly number[], tolerance: number) =>
  assert.ok(
    actual.every((value, index) => Math.abs(value - expected[index]!) <= tolerance + 1e-3),
    `${actual} is not near ${expected}`,
  )
