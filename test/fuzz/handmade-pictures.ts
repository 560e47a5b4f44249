import { crc32, deflateSync } from 'node:zlib'

// Pictures by hand: what they claim of themselves need not be true.

export function png(
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

export function chunk(type: string, ...data: Buffer[]): Buffer {
  const framed = Buffer.concat([Buffer.alloc(4), latin1(type), ...data, Buffer.alloc(4)])
  framed.writeUInt32BE(framed.length - 12)
  framed.writeUInt32BE(crc32(framed.subarray(4, -4)), framed.length - 4)
  return framed
}

/** Black, progressive: each of `coefficients` of each channel in `bits` scans, all of them in one run of zeros. */
export function jpeg(side: number, coefficients: number, bits: number, between: Uint8Array = new Uint8Array()): Buffer {
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

export function animatedWebp(frames: number): Buffer {
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

export function gif(side: number, frames: number): Buffer {
  const size = [side & 255, side >> 8, side & 255, side >> 8]
  const screen = Buffer.from([...size, 0x80, 0, 0, 0, 0, 0, 255, 255, 255])
  // One pixel of them all.
  const frame = Buffer.from([0x21, 0xf9, 4, 0, 0, 0, 0, 0, 0x2c, 0, 0, 0, 0, ...size, 0, 2, 2, 0x44, 1, 0])
  return Buffer.concat([latin1('GIF89a'), screen, times(frames, frame), latin1(';')])
}

/** Grey, one strip, the same on every page. */
export function tiff({
  side = 64,
  bits = 8,
  format = 1,
  compression = 1,
  pages = 1,
  loop = false,
  data = Buffer.alloc(side * side * (bits / 8)),
}): Buffer {
  const entries = (at: number) => [
    [256, side],
    [257, side],
    [258, bits],
    [259, compression],
    [262, 1],
    [273, at],
    [277, 1],
    [278, side],
    [279, data.length],
    [339, format],
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

export const latin1 = (text: string) => Buffer.from(text, 'latin1')
export const times = (count: number, bytes: Buffer): Buffer => Buffer.concat(new Array<Buffer>(count).fill(bytes))
export const zeros = (bytes: number) => deflateSync(Buffer.alloc(bytes), { level: 1 })
