import { readFileSync } from 'node:fs'
import { animatedWebp, chunk, gif, jpeg, latin1, png, tiff, times, zeros } from './handmade-pictures.ts'
import type { Case } from './trial.ts'

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
  ['TIFF: a bomb in one strip', 'valid', () => tiff({ side: 5792, compression: 8, data: zeros(5792 * 5792) })],
  [
    'TIFF: a strip of 4 GB',
    'refused',
    () => tiff({ side: 8192, bits: 64, format: 6, compression: 8, data: zeros(1e6) }),
  ],
]

const asBytes = (made: Buffer | string) => (typeof made === 'string' ? Buffer.from(made) : made)
const small = { width: 64, height: 64 }
const WEBP_8192 = '5249464620000000574542505650384c140000002fffdfff17075081540820000a9a02c68888fe07'

/** 4700 × 4700 pixels, all red. */
const avif = readFileSync(new URL('../fixtures/pictures/plain-red-4700.avif', import.meta.url))

function claimed(file: Buffer, side: number): Buffer {
  const copy = Buffer.from(file)
  const at = copy.indexOf('ispe')
  copy.writeUInt32BE(side, at + 8)
  copy.writeUInt32BE(side, at + 12)
  return copy
}

const floats = (count: number) =>
  Buffer.from(
    Float32Array.from({ length: count }, (_, index) => [NaN, Infinity, -Infinity, 3e38, -1, 0.5][index % 6]!).buffer,
  )
