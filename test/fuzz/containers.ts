import { crc32 } from 'node:zlib'

export type Format = 'png' | 'jpeg' | 'webp' | 'gif' | 'avif' | 'tiff'

/** The parts a picture file is made of, in order; joined they are the file. Of a sound file. */
export function partsOf(format: Format, file: Buffer): Buffer[] {
  const ends = [...boundaries[format](file), file.length]
  return ends.map((end, index) => Buffer.from(file.subarray(index ? ends[index - 1] : 0, end)))
}

/** Puts right what a container says of its parts, so that damage gets past checksums and sizes. */
export function seal(format: Format, parts: readonly Buffer[]): Buffer {
  const sealed = parts.map((part) => Buffer.from(part))
  if (format === 'png') {
    for (const part of sealed.slice(1).filter(({ length }) => length >= 12)) {
      part.writeUInt32BE(crc32(part.subarray(4, -4)), part.length - 4)
    }
  }
  const first = sealed[0]
  if (format === 'webp' && first && first.length >= 8) first.writeUInt32LE(total(sealed) - 8, 4)
  const meta = format === 'avif' ? sealed.findIndex((part) => part.toString('latin1', 4, 8) === 'meta') : -1
  if (meta >= 0) {
    const rest = sealed.slice(meta)
    const end = rest.findIndex((part) => part.toString('latin1', 4, 8) === 'mdat')
    rest[0]!.writeUInt32BE(total(end < 0 ? rest : rest.slice(0, end)))
  }
  return Buffer.concat(sealed)
}

/** The offsets at which a number in the file says how wide or high the picture is. */
export function claims(format: Format, file: Buffer): readonly { offset: number; write: Write }[] {
  switch (format) {
    case 'png':
      return [16, 20].map((offset) => ({ offset, write: uint32BE }))
    case 'gif':
      return [6, 8].map((offset) => ({ offset, write: uint16LE }))
    case 'jpeg': {
      const frame = [...jpeg(file)].find((offset) =>
        /^\xff[\xc0-\xc2]/.test(file.toString('latin1', offset, offset + 2)),
      )
      return frame === undefined ? [] : [frame + 7, frame + 5].map((offset) => ({ offset, write: uint16BE }))
    }
    case 'avif': {
      const box = file.indexOf('ispe')
      return box < 0 ? [] : [box + 8, box + 12].map((offset) => ({ offset, write: uint32BE }))
    }
    case 'webp': {
      const kind = file.toString('latin1', 12, 16)
      if (kind === 'VP8X') return [24, 27].map((offset) => ({ offset, write: uint24LE }))
      return kind === 'VP8 '
        ? [26, 28].map((offset) => ({ offset, write: uint16LE }))
        : [{ offset: 21, write: uint32BE }]
    }
    case 'tiff': {
      const entries = [...tiff(file)].slice(0, -1)
      return [256, 257].flatMap((tag) => {
        const entry = entries.find((offset) => file.readUInt16LE(offset) === tag)
        return entry === undefined ? [] : { offset: entry + 8, write: uint16LE }
      })
    }
  }
}

type Write = (file: Buffer, value: number, offset: number) => void
const uint16BE: Write = (file, value, offset) => file.writeUInt16BE(value & 0xffff, offset)
const uint16LE: Write = (file, value, offset) => file.writeUInt16LE(value & 0xffff, offset)
const uint24LE: Write = (file, value, offset) => file.writeUIntLE(value & 0xffffff, offset, 3)
const uint32BE: Write = (file, value, offset) => file.writeUInt32BE(value >>> 0, offset)

/** Where a part ends and the next begins. */
const boundaries: Readonly<Record<Format, (file: Buffer) => Iterable<number>>> = { png, jpeg, webp, gif, avif, tiff }

function* png(file: Buffer) {
  for (let offset = 8; offset < file.length; offset += 12 + file.readUInt32BE(offset)) yield offset
}

function* jpeg(file: Buffer) {
  for (let offset = 2; offset < file.length - 2; ) {
    yield offset
    const isScan = file[offset + 1] === 0xda
    offset += 2 + file.readUInt16BE(offset + 2)
    // The numbers of a scan reach to the next marker.
    while (isScan && !(file[offset] === 0xff && file[offset + 1]! > 0 && (file[offset + 1]! & 0xf8) !== 0xd0)) offset++
  }
}

function* webp(file: Buffer) {
  for (let offset = 12; offset < file.length; ) {
    yield offset
    const bytes = file.readUInt32LE(offset + 4)
    offset += 8 + bytes + (bytes % 2)
  }
}

function* gif(file: Buffer) {
  const table = (flags: number) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)
  let offset = 13 + table(file[10]!)
  while (file[offset] !== 0x3b) {
    yield offset
    const isImage = file[offset] === 0x2c
    offset += isImage ? 11 + table(file[offset + 9]!) : 2
    while (file[offset] !== 0) offset += 1 + file[offset]!
    offset++
  }
  yield offset
}

function* avif(file: Buffer) {
  for (let offset = file.readUInt32BE(0); offset < file.length; ) {
    yield offset
    offset += file.toString('latin1', offset + 4, offset + 8) === 'meta' ? 12 : file.readUInt32BE(offset)
  }
}

/** Entries of the first directory. */
function* tiff(file: Buffer) {
  const directory = file.readUInt32LE(4)
  const count = file.readUInt16LE(directory)
  for (let index = 0; index <= count; index++) yield directory + 2 + 12 * index
}

const total = (parts: readonly Buffer[]) => parts.reduce((sum, { length }) => sum + length, 0)
