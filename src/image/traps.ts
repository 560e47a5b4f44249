/**
 * Recognises files that a decoder would not survive before it is given them: its own time limit starts only after it
 * has read the header, and for some files that takes minutes.
 */
export function trapIn(bytes: Uint8Array, format: string | undefined): 'slow' | 'damaged' | undefined {
  const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  if (format === 'jpeg' && isLongerThan(MOST_SCANS, jpegScans(file))) return 'slow'
  if (format === 'webp' && isLongerThan(MOST_FRAMES, webpFrames(file))) return 'slow'
  if (format === 'heif' && avifSides(file).some((side) => side > LONGEST_SIDE)) return 'damaged'
  return undefined
}

/** Each scan is a pass over the whole picture; real files have at most about 20. */
const MOST_SCANS = 100
/** Before the first frame is shown, each one is searched for from the beginning. */
const MOST_FRAMES = 10_000
/** The longest side that libvips can express; it complains about longer ones on standard error. */
const LONGEST_SIDE = 1e7

function isLongerThan(limit: number, found: Iterable<unknown>): boolean {
  let count = 0
  for (const _ of found) if (++count > limit) return true
  return false
}

/** The beginnings of the scans, as libjpeg finds them: whatever lies between two parts is skipped. */
function* jpegScans(file: Buffer) {
  let at = 2
  for (;;) {
    at = file.indexOf(0xff, at)
    while (file[at] === 0xff) at++
    const marker = file[at]
    if (at < 1 || marker === undefined || marker === END_OF_IMAGE) return
    at++
    if (marker === START_OF_SCAN) yield at
    const isBare = marker <= 1 || (marker >= 0xd0 && marker <= 0xd8)
    if (!isBare && at + 2 <= file.length) at += file.readUInt16BE(at)
  }
}

const START_OF_SCAN = 0xda
const END_OF_IMAGE = 0xd9

/** The beginnings of an animation's frames. */
function* webpFrames(file: Buffer) {
  for (let at = 12; at + 8 <= file.length; ) {
    if (file.toString('latin1', at, at + 4) === 'ANMF') yield at
    const size = file.readUInt32LE(at + 4)
    at += 8 + size + (size % 2)
  }
}

/** The widths and heights that the file claims. */
function avifSides(file: Buffer): number[] {
  const sides: number[] = []
  for (let at = file.indexOf('ispe'); at >= 0 && at + 16 <= file.length; at = file.indexOf('ispe', at + 4)) {
    sides.push(file.readUInt32BE(at + 8), file.readUInt32BE(at + 12))
  }
  return sides
}
