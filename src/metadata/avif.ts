// ISO/IEC 14496-12 (boxes) and 23008-12 (items). In AVIF the orientation is a property of the picture and not metadata.

/** Far more than any picture has. */
const mostExtents = 10_000

/** A box: its type and the position of its content. */
interface Box {
  readonly type: string
  readonly start: number
  readonly end: number
}

/** What is removed is overwritten with zeros, so everything else stays where other boxes say it is. */
export function avifWithoutMetadata(bytes: Uint8Array): Uint8Array {
  const file = Buffer.from(bytes)
  try {
    clean(file, boxesIn(file, 0, file.length))
  } catch (error) {
    // A truncated part can't be shown either.
    if (!(error instanceof RangeError)) throw error
  }
  return file
}

function clean(file: Buffer, boxes: readonly Box[]): void {
  for (const { type, start, end } of boxes) {
    if (type === 'uuid' || type === 'udta' || type === 'free' || type === 'skip') file.fill(0, start, end)
    if (type === 'moov' || type === 'trak') clean(file, boxesIn(file, start, end))
    if (type === 'meta') cleanItems(file, boxesIn(file, start + 4, end))
  }
}

/** EXIF and XMP are items of their own. */
function cleanItems(file: Buffer, boxes: readonly Box[]): void {
  const find = (type: string) => boxes.find((box) => box.type === type)
  const [information, locations, data] = [find('iinf'), find('iloc'), find('idat')]
  if (!information || !locations) return
  const wanted = new Set(metadataItems(file, information))
  for (const { item, isInData, offset, length } of extents(file, locations)) {
    const start = offset + (isInData ? (data?.start ?? 0) : 0)
    if (wanted.has(item)) file.fill(0, start, length === 0 ? file.length : start + length)
  }
}

function metadataItems(file: Buffer, { start, end }: Box): number[] {
  const first = start + (file[start] === 0 ? 6 : 8)
  return boxesIn(file, first, end).flatMap((box) => {
    const isLong = file[box.start] === 3
    const at = box.start + 4
    const item = isLong ? file.readUInt32BE(at) : file.readUInt16BE(at)
    const type = file.toString('latin1', at + (isLong ? 6 : 4), at + (isLong ? 10 : 8))
    return type === 'Exif' || type === 'mime' || type === 'uri ' ? [item] : []
  })
}

interface Extent {
  readonly item: number
  /** Relative to the box `idat`, not to the file. */
  readonly isInData: boolean
  readonly offset: number
  readonly length: number
}

function extents(file: Buffer, { start }: Box): Extent[] {
  const version = file[start]!
  let at = start + 4
  const read = (size: number) => {
    const value = size === 0 ? 0 : size === 8 ? Number(file.readBigUInt64BE(at)) : file.readUIntBE(at, size)
    at += size
    return value
  }
  const sizes = read(2)
  const [offsetSize, lengthSize, baseSize] = [sizes >> 12, (sizes >> 8) & 15, (sizes >> 4) & 15]
  const indexSize = version > 0 ? sizes & 15 : 0
  const found: Extent[] = []
  for (let items = read(version < 2 ? 2 : 4); items > 0; items--) {
    const item = read(version < 2 ? 2 : 4)
    const isInData = version > 0 && (read(2) & 15) === 1
    read(2)
    const base = read(baseSize)
    for (let count = read(2); count > 0; count--) {
      read(indexSize)
      if (found.length === mostExtents) throw new RangeError('Expected fewer parts of items.')
      found.push({ item, isInData, offset: base + read(offsetSize), length: read(lengthSize) })
    }
  }
  return found
}

function boxesIn(file: Buffer, from: number, to: number): Box[] {
  const boxes: Box[] = []
  for (let at = from; at + 8 <= to; ) {
    const size = file.readUInt32BE(at)
    const type = file.toString('latin1', at + 4, at + 8)
    const head = size === 1 ? 16 : 8
    const length = size === 1 ? Number(file.readBigUInt64BE(at + 8)) : size === 0 ? to - at : size
    if (length < head) break
    boxes.push({ type, start: at + head, end: Math.min(to, at + length) })
    at += length
  }
  return boxes
}
