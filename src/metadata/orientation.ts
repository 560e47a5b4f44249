const ORIENTATION = 0x0112

/**
 * The EXIF orientation of a picture.
 *
 * @param tiff EXIF's content, starting at its byte order mark.
 * @returns 1…8; 1, upright, if there is none or it can't be read
 */
export function orientationIn(tiff: Uint8Array): number {
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.length)
  try {
    const isLittle = view.getUint16(0) === 0x4949
    const directory = view.getUint32(4, isLittle)
    const count = view.getUint16(directory, isLittle)
    for (let index = 0; index < count; index++) {
      const entry = directory + 2 + 12 * index
      if (view.getUint16(entry, isLittle) !== ORIENTATION) continue
      const value = view.getUint16(entry + 8, isLittle)
      return value >= 1 && value <= 8 ? value : 1
    }
  } catch (error) {
    // Truncated data has no orientation.
    if (!(error instanceof RangeError)) throw error
  }
  return 1
}

/** EXIF with nothing but the orientation, starting at its byte order mark. */
export function exifWith(orientation: number): Uint8Array {
  // "MM", 42, the directory at 8; in it one entry: the tag, its type (short), the count, its value; and no further
  // directory.
  const numbers = [0x4d4d, 42, 0, 8, 1, ORIENTATION, 3, 0, 1, orientation, 0, 0, 0]
  const exif = Buffer.alloc(2 * numbers.length)
  for (const [index, value] of numbers.entries()) exif.writeUInt16BE(value, 2 * index)
  return exif
}
