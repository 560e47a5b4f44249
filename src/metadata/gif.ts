// W3C, GIF89a Specification

const HEADER_BYTES = 13
const [EXTENSION, IMAGE, TRAILER] = [0x21, 0x2c, 0x3b] as const
const [GRAPHIC_CONTROL, APPLICATION] = [0xf9, 0xff] as const
/** The number of repetitions and the colour profile. */
const keptApplications = ['NETSCAPE2.0', 'ANIMEXTS1.0', 'ICCRGBG1012']

export function gifWithoutMetadata(bytes: Uint8Array): Uint8Array {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = HEADER_BYTES + paletteBytes(file[10])
  const parts: Uint8Array[] = [file.subarray(0, at)]
  while (at < file.length && file[at] !== TRAILER) {
    const start = at
    if (file[at] === IMAGE) at = afterBlocks(file, at + 11 + paletteBytes(file[at + 9]))
    else if (file[at] === EXTENSION) at = afterBlocks(file, at + 2)
    // The rest can't be interpreted.
    else break
    if (file[start] === IMAGE || isKept(file, start)) parts.push(file.subarray(start, at))
  }
  return Buffer.concat([...parts, Buffer.from([TRAILER])])
}

function isKept(file: Buffer, at: number): boolean {
  if (file[at + 1] === GRAPHIC_CONTROL) return true
  return file[at + 1] === APPLICATION && keptApplications.includes(file.toString('latin1', at + 3, at + 14))
}

const paletteBytes = (flags = 0) => (flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0)

/** The end of a sequence of data blocks, including the empty block that ends it. */
function afterBlocks(file: Buffer, from: number): number {
  let at = from
  while (at < file.length && file[at] !== 0) at += file[at]! + 1
  return Math.min(at + 1, file.length)
}
