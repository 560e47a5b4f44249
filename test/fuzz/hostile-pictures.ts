import { readFileSync } from 'node:fs'
import { crc32, deflateSync } from 'node:zlib'
import type { Case } from './ordeal.ts'

/** Pictures that claim, unfold into or repeat far more than their bytes; one at a time, for some are large. */
export function* hostilePictures(): Iterable<Case> {
  for (const [name, expected, make] of pictures) {
    yield { name, expected, kind: 'picture', bytes: asBytes(make()) }
  }
}

const pictures: readonly (readonly [name: string, expected: 'valid' | 'refused', make: () => Buffer | string])[] = [
  ['10 MB of nothing', 'refused', () => Buffer.alloc(10 * 2 ** 20)],
  ['more than 10 MB', 'refused', () => png({ width: 64, height: 64 }, [chunk('tEXt', Buffer.alloc(10 * 2 ** 20))])],
  ...[
    '\x89PNG\r\n\x1a\n',
    '\xff\xd8\xff',
    'RIFF\0\0\0\0WEBP',
    'GIF89a',
    '\0\0\0\x1cftypavif',
    'II*\0',
    'MM\0*',
  ].flatMap((start) =>
    ['', '\0'.repeat(2000), '\xff'.repeat(2000), '<svg xmlns="http://www.w3.org/2000/svg"/>'].map(
      (rest) =>
        [
          `${JSON.stringify(start)} and ${JSON.stringify(rest.slice(0, 5))}`,
          'refused',
          () => latin1(start + rest),
        ] as const,
    ),
  ),
  [
    'XML that unfolds',
    'refused',
    () => `<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a "${'b'.repeat(9)}">]><svg>&a;</svg>`,
  ],
  ['a text with a mark', 'refused', () => '\ufeff<svg onload="alert(1)"/>'],
  ['a ZIP', 'refused', () => latin1('PK\x03\x04')],

  ['PNG: 1.6 billion pixels claimed', 'refused', () => png({ width: 40_000, height: 40_000 })],
  ['PNG: a bomb', 'valid', () => png({ width: 8192, height: 8192 }, [], zeros(8192 * (8192 * 3 + 1)))],
  [
    'PNG: a deep interlaced bomb',
    'refused',
    () => png({ width: 8192, height: 8192, depth: 16, colour: 6, interlaced: 1 }),
  ],
  [
    'PNG: the deepest interlaced one',
    'valid',
    () =>
      png({ width: 4096, height: 8192, depth: 16, colour: 6, interlaced: 1 }, [], zeros(4096 * 8192 * 8 + 20 * 8192)),
  ],
  ['PNG: a profile that unfolds', 'valid', () => png(small, [chunk('iCCP', latin1('x\0\0'), zeros(2e8))])],
  ['PNG: texts that unfold', 'valid', () => png(small, [times(5, chunk('zTXt', latin1('x\0\0'), zeros(1e8)))])],
  ['PNG: 200,000 texts', 'valid', () => png(small, [times(200_000, chunk('tEXt', latin1('ab\0cdef')))])],
  ['PNG: 400,000 unknown chunks', 'valid', () => png(small, [times(400_000, chunk('quQq'))])],

  ['JPEG: 2,457 scans', 'refused', () => jpeg(8192, 63, 13)],
  ['JPEG: 91 scans', 'valid', () => jpeg(8192, 30, 1)],
  ['JPEG: scans behind noise', 'refused', () => jpeg(8192, 63, 13, Buffer.alloc(9, 0xff))],
  ['JPEG: a million empty parts', 'refused', () => latin1(`\xff\xd8${'\xff\xe5\0\x02'.repeat(1e6)}`)],
  ['JPEG: nothing but marks', 'refused', () => Buffer.concat([latin1('\xff\xd8'), Buffer.alloc(9e6, 0xff)])],

  ['WebP: 67 million pixels in 40 bytes', 'valid', () => Buffer.from(WEBP_8192, 'hex')],
  ['WebP: 10,000 frames', 'valid', () => animatedWebp(10_000)],
  ['WebP: 150,000 frames', 'refused', () => animatedWebp(150_000)],
  ['GIF: 400,000 frames', 'valid', () => gif(64, 400_000)],
  ['GIF: 4 billion pixels claimed', 'refused', () => gif(65_535, 2)],
  ['GIF: 67 million pixels claimed', 'valid', () => gif(8192, 2)],
  ['AVIF: as large as may be', 'valid', () => avif],
  ['AVIF: larger', 'refused', () => claimed(avif, 8192)],
  ['AVIF: said to be smaller', 'refused', () => claimed(avif, 16)],
  ['AVIF: 4 billion wide', 'refused', () => claimed(avif, 2 ** 32 - 1)],

  ['TIFF: 20,000 pages', 'valid', () => tiff({ pages: 20_000 })],
  ['TIFF: a page that follows itself', 'valid', () => tiff({ pages: 2, loop: true })],
  ['TIFF: not numbers', 'valid', () => tiff({ side: 32, bits: 32, format: 3, data: floats(32 * 32) })],
  ['TIFF: a bomb in one strip', 'valid', () => tiff({ side: 8192, compression: 8, data: zeros(8192 * 8192) })],
  [
    'TIFF: a strip of 4 GB',
    'refused',
    () => tiff({ side: 8192, bits: 64, format: 6, compression: 8, data: zeros(1e6) }),
  ],
]

const asBytes = (made: Buffer | string) => (typeof made === 'string' ? Buffer.from(made) : made)
const latin1 = (text: string) => Buffer.from(text, 'latin1')
const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(new Array<Buffer>(count).fill(bytes))
const zeros = (bytes: number) => deflateSync(Buffer.alloc(bytes), { level: 1 })
const small = { width: 64, height: 64 }

function png(
  {
    width,
    height,
    depth = 8,
    colour = 2,
    interlaced = 0,
  }: Readonly<Record<'width' | 'height', number>> & Partial<Record<'depth' | 'colour' | 'interlaced', number>>,
  extra: readonly Buffer[] = [],
  rows = zeros(64 * (64 * 3 + 1)),
): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([depth, colour, 0, 0, interlaced], 8)
  return Buffer.concat([
    latin1('\x89PNG\r\n\x1a\n'),
    chunk('IHDR', header),
    ...extra,
    chunk('IDAT', rows),
    chunk('IEND'),
  ])
}

function chunk(type: string, ...data: Buffer[]): Buffer {
  const framed = Buffer.concat([Buffer.alloc(4), latin1(type), ...data, Buffer.alloc(4)])
  framed.writeUInt32BE(framed.length - 12)
  framed.writeUInt32BE(crc32(framed.subarray(4, -4)), framed.length - 4)
  return framed
}

/** Black, progressive: each of `coefficients` of each channel in `bits` scans, all of them in one run of zeros. */
function jpeg(side: number, coefficients: number, bits: number, between: Uint8Array = new Uint8Array()): Buffer {
  const part = (marker: number, ...data: number[]) => Buffer.from([0xff, marker, 0, data.length + 2, ...data])
  const oneSymbol = (table: number, symbol: number) => part(0xc4, table, 1, ...new Array(15).fill(0), symbol)
  const blocks = (side / 8) ** 2
  const parts: Uint8Array[] = [
    part(0xdb, 0, ...new Array(64).fill(1)),
    part(0xc2, 8, side >> 8, side & 255, side >> 8, side & 255, 3, 1, 0x11, 0, 2, 0x11, 0, 3, 0x11, 0),
    oneSymbol(0x00, 0),
    oneSymbol(0x10, 0xe0),
    part(0xda, 3, 1, 0, 2, 0, 3, 0, 0, 0, 0),
    Buffer.alloc(Math.ceil((blocks * 3) / 8)),
  ]
  // Runs of 32767 blocks: the symbol 0, and 14 bits that are all set.
  const run = bytesOf(`0${'1'.repeat(14)}`.repeat(Math.ceil(blocks / 32_767)))
  for (let channel = 1; channel <= 3; channel++) {
    for (let index = 1; index <= coefficients; index++) {
      for (let low = bits - 1; low >= 0; low--) {
        const high = low === bits - 1 ? 0 : low + 1
        parts.push(between, part(0xda, 1, channel, 0, index, index, (high << 4) | low), run)
      }
    }
  }
  return Buffer.concat([latin1('\xff\xd8'), ...parts, latin1('\xff\xd9')])
}

/** Of a scan: 0xff is followed by 0. */
function bytesOf(bits: string): Buffer {
  const bytes = bits.match(/.{1,8}/g)!.map((byte) => Number.parseInt(byte.padEnd(8, '1'), 2))
  return Buffer.from(bytes.flatMap((byte) => (byte === 0xff ? [0xff, 0] : [byte])))
}

const WEBP_8192 = '5249464620000000574542505650384c140000002fffdfff17075081540820000a9a02c68888fe07'

function animatedWebp(frames: number): Buffer {
  const part = (name: string, ...data: Buffer[]) => {
    const part = Buffer.concat([latin1(name), Buffer.alloc(4), ...data])
    part.writeUInt32LE(part.length - 8, 4)
    return part
  }
  const side = Buffer.from([63, 0, 0, 63, 0, 0])
  const picture = Buffer.from('5650384c150000002f3fc00f000710fd8ffe078084f0ffbd16d1ffd40f00', 'hex')
  const frame = part('ANMF', Buffer.alloc(6), side, Buffer.alloc(4), picture)
  return part(
    'RIFF',
    latin1('WEBP'),
    part('VP8X', Buffer.from([2, 0, 0, 0]), side),
    part('ANIM', Buffer.alloc(6)),
    times(frames, frame),
  )
}

function gif(side: number, frames: number): Buffer {
  const size = [side & 255, side >> 8, side & 255, side >> 8]
  const screen = Buffer.from([...size, 0x80, 0, 0, 0, 0, 0, 255, 255, 255])
  // One pixel of them all.
  const frame = Buffer.from([0x21, 0xf9, 4, 0, 0, 0, 0, 0, 0x2c, 0, 0, 0, 0, ...size, 0, 2, 2, 0x44, 1, 0])
  return Buffer.concat([latin1('GIF89a'), screen, times(frames, frame), latin1(';')])
}

/** 4700 × 4700 pixels, all red. */
const avif = readFileSync(new URL('../fixtures/pictures/plain-red-4700.avif', import.meta.url))

function claimed(file: Buffer, side: number): Buffer {
  const copy = Buffer.from(file)
  const at = copy.indexOf('ispe')
  copy.writeUInt32BE(side, at + 8)
  copy.writeUInt32BE(side, at + 12)
  return copy
}

/** Grey, one strip, the same on every page. */
function tiff({
  side = 64,
  bits = 8,
  format = 1,
  compression = 1,
  pages = 1,
  loop = false,
  data = Buffer.alloc(side * side * (bits / 8)),
}): Buffer {
  const entries = (at: number) => [
    ...[
      [256, side],
      [257, side],
      [258, bits],
      [259, compression],
      [262, 1],
      [273, at],
      [277, 1],
      [278, side],
    ],
    ...[
      [279, data.length],
      [339, format],
    ],
  ]
  const bytes = 2 + 12 * entries(0).length + 4
  const directory = (page: number) => {
    const written = Buffer.alloc(bytes)
    written.writeUInt16LE(entries(0).length)
    for (const [index, [tag, value]] of entries(8 + bytes * pages).entries()) {
      written.writeUInt16LE(tag!, 2 + 12 * index)
      written.writeUInt16LE(4, 4 + 12 * index)
      written.writeUInt32LE(1, 6 + 12 * index)
      written.writeUInt32LE(value!, 10 + 12 * index)
    }
    const isLast = page === pages - 1
    written.writeUInt32LE(isLast ? (loop ? 8 : 0) : 8 + bytes * (page + 1), bytes - 4)
    return written
  }
  return Buffer.concat([
    latin1('II*\0\x08\0\0\0'),
    ...Array.from({ length: pages }, (_, page) => directory(page)),
    data,
  ])
}

const floats = (count: number) =>
  Buffer.from(
    Float32Array.from({ length: count }, (_, index) => [NaN, Infinity, -Infinity, 3e38, -1, 0.5][index % 6]!).buffer,
  )
