import { exifWith, orientationIn } from './orientation.ts'

// ITU T.81, annex B

const START_OF_SCAN = 0xda
const END_OF_IMAGE = 0xd9
const COMMENT = 0xfe
const [APP0, APP1, APP2, APP14, APP15] = [0xe0, 0xe1, 0xe2, 0xee, 0xef] as const
const JFIF_BYTES = 14
const end = Buffer.from([0xff, END_OF_IMAGE])

/** A file without an end marker gets one. */
export function jpegWithoutMetadata(bytes: Uint8Array): Uint8Array {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const parts: Uint8Array[] = [file.subarray(0, 2)]
  let at = 2
  while (at < file.length) {
    // Decoders skip what lies between segments, and so does this.
    at = nextMarker(file, at)
    const marker = file[at + 1]
    if (marker === undefined || marker === END_OF_IMAGE) break
    const length = at + 4 <= file.length ? file.readUInt16BE(at + 2) : 2
    const content = file.subarray(at + 4, at + 2 + length)
    if (isKept(marker, content)) parts.push(segment(marker, marker === APP0 ? jfif(content) : content))
    const orientation = marker === APP1 && startsWith(content, 'Exif\0\0') ? orientationIn(content.subarray(6)) : 1
    if (orientation > 1) parts.push(segment(APP1, Buffer.concat([Buffer.from('Exif\0\0'), exifWith(orientation)])))
    at += 2 + Math.max(2, length)
    if (marker !== START_OF_SCAN) continue
    const scanEnd = nextMarker(file, at)
    parts.push(file.subarray(at, scanEnd))
    at = scanEnd
  }
  return Buffer.concat([...parts, end])
}

/** The beginning of the next segment, or the length. Restart markers and stuffed bytes belong to the segment before. */
function nextMarker(file: Buffer, from: number): number {
  for (let at = file.indexOf(0xff, from); at >= 0; at = file.indexOf(0xff, at + 1)) {
    const code = file[at + 1]
    if (code !== undefined && code !== 0 && code !== 0xff && !(code >= 0xd0 && code <= 0xd7)) return at
  }
  return file.length
}

/** Tables, frames and scans, the colour profile, and Adobe's colour transform. */
function isKept(marker: number, content: Buffer): boolean {
  if (marker === APP0) return startsWith(content, 'JFIF\0') && content.length >= JFIF_BYTES
  if (marker === APP2) return startsWith(content, 'ICC_PROFILE\0')
  if (marker === APP14) return startsWith(content, 'Adobe')
  return !(marker >= APP0 && marker <= APP15) && marker !== COMMENT
}

/** Without its preview. */
const jfif = (content: Buffer) => Buffer.concat([content.subarray(0, JFIF_BYTES - 2), Buffer.alloc(2)])

function segment(marker: number, content: Uint8Array): Buffer {
  const head = Buffer.from([0xff, marker, 0, 0])
  head.writeUInt16BE(content.length + 2, 2)
  return Buffer.concat([head, content])
}

const startsWith = (content: Buffer, text: string) => content.toString('latin1', 0, text.length) === text
