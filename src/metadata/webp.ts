import { exifWith, orientationIn } from './orientation.ts'

// RFC 9649

const HEADER_BYTES = 12
const kept = new Set(['VP8 ', 'VP8L', 'VP8X', 'ALPH', 'ANIM', 'ANMF', 'ICCP'])
/** A bit of VP8X's first byte: whether the chunk is present. */
const [HAS_EXIF, HAS_XMP] = [0x08, 0x04]

export function webpWithoutMetadata(bytes: Uint8Array): Uint8Array {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const fileEnd = Math.min(file.length, 8 + file.readUInt32LE(4))
  const parts: Buffer[] = []
  let orientation = 1
  for (let at = HEADER_BYTES; at + 8 <= fileEnd; ) {
    const type = file.toString('latin1', at, at + 4)
    const length = file.readUInt32LE(at + 4)
    const next = at + 8 + length + (length % 2)
    if (kept.has(type)) parts.push(file.subarray(at, Math.min(next, fileEnd)))
    if (type === 'EXIF') orientation = orientationIn(tiffOf(file.subarray(at + 8, at + 8 + length)))
    at = next
  }
  if (orientation > 1) parts.push(chunk('EXIF', exifWith(orientation)))
  const body = Buffer.concat(parts)
  if (body.toString('latin1', 0, 4) === 'VP8X' && body.length > 8) {
    body[8] = (body[8]! & ~(HAS_EXIF | HAS_XMP)) | (orientation > 1 ? HAS_EXIF : 0)
  }
  const head = Buffer.from('RIFF\0\0\0\0WEBP', 'latin1')
  head.writeUInt32LE(body.length + 4, 4)
  return Buffer.concat([head, body])
}

/** Some programs write it as it stands in a JPEG. */
const tiffOf = (exif: Buffer) => (exif.toString('latin1', 0, 6) === 'Exif\0\0' ? exif.subarray(6) : exif)

/** @param content Of even length. */
function chunk(type: string, content: Uint8Array): Buffer {
  const head = Buffer.from(`${type}\0\0\0\0`, 'latin1')
  head.writeUInt32LE(content.length, 4)
  return Buffer.concat([head, content])
}
