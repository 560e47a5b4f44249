import { crc32 } from 'node:zlib'
import { exifWith, orientationIn } from './orientation.ts'

// W3C, Portable Network Graphics (Third Edition)

const SIGNATURE_BYTES = 8
/** The chunks a picture is drawn from: pixels, transparency, colours, density and frames. */
const kept = new Set([
  'IHDR',
  'PLTE',
  'IDAT',
  'IEND',
  'tRNS',
  'cHRM',
  'gAMA',
  'iCCP',
  'sBIT',
  'sRGB',
  'cICP',
  'mDCV',
  'cLLI',
  'bKGD',
  'pHYs',
  'acTL',
  'fcTL',
  'fdAT',
])

export function pngWithoutMetadata(bytes: Uint8Array): Uint8Array {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  const parts: Uint8Array[] = [file.subarray(0, SIGNATURE_BYTES)]
  for (let at = SIGNATURE_BYTES; at + 8 <= file.length; ) {
    const length = file.readUInt32BE(at)
    const type = file.toString('latin1', at + 4, at + 8)
    const next = at + 12 + length
    if (kept.has(type)) parts.push(file.subarray(at, next))
    if (type === 'IEND') break
    const orientation = type === 'eXIf' ? orientationIn(file.subarray(at + 8, next - 4)) : 1
    if (orientation > 1) parts.push(chunk('eXIf', exifWith(orientation)))
    at = next
  }
  return Buffer.concat(parts)
}

function chunk(type: string, content: Uint8Array): Buffer {
  const named = Buffer.concat([Buffer.from(type, 'latin1'), content])
  const [head, tail] = [Buffer.alloc(4), Buffer.alloc(4)]
  head.writeUInt32BE(content.length)
  tail.writeUInt32BE(crc32(named))
  return Buffer.concat([head, named, tail])
}
