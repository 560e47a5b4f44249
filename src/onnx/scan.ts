import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { basename } from 'node:path'
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire'

/** Smaller tensors are read: they are mostly shapes and scales, which ONNX Runtime folds. */
export const smallestWeight = 1024

/**
 * The bytes of a model file without its weights. Every tensor of {@link smallestWeight} bytes or more becomes an
 * external reference to its position in the same file; it is skipped and not read.
 */
export function readSkeleton(path: string): Uint8Array {
  const descriptor = openSync(path, 'r')
  try {
    const file = { ...fileWindow(descriptor), name: basename(path) }
    const writer = new BinaryWriter()
    scan(file, 0, fstatSync(descriptor).size, 'model', writer)
    return writer.finish()
  } finally {
    closeSync(descriptor)
  }
}

interface FileWindow {
  readonly name: string
  readonly bytes: (start: number, end: number) => Uint8Array
}

/** Field numbers of onnx.proto on the path from a model to its tensors. */
const nested: Record<string, Record<number, string>> = {
  model: { 7: 'graph' },
  graph: { 1: 'node', 5: 'tensor' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor' },
  tensor: {},
}
const rawData = 9

function scan(file: FileWindow, start: number, end: number, message: string, writer: BinaryWriter): void {
  for (let at = start; at < end; ) {
    const field = readField(file, at, end)
    const inner = nested[message]?.[field.number]
    if (inner) {
      writer.tag(field.number, WireType.LengthDelimited).fork()
      scan(file, field.start, field.end, inner, writer)
      writer.join()
    } else if (message === 'tensor' && field.number === rawData && field.end - field.start >= smallestWeight) {
      writeReference(writer, file.name, field.start, field.end - field.start)
    } else {
      writer.raw(file.bytes(at, field.end))
    }
    at = field.end
  }
}

function writeReference(writer: BinaryWriter, location: string, offset: number, length: number): void {
  for (const [key, value] of Object.entries({ location, offset: `${offset}`, length: `${length}` })) {
    writer.tag(13, WireType.LengthDelimited).fork()
    writer.tag(1, WireType.LengthDelimited).string(key).tag(2, WireType.LengthDelimited).string(value).join()
  }
  writer.tag(14, WireType.Varint).int32(1)
}

/** The beginning and end of a field's content; `start` is after the tag and the length. */
function readField(file: FileWindow, at: number, limit: number): { number: number; start: number; end: number } {
  const head = file.bytes(at, Math.min(at + 20, limit))
  const [tag, tagEnd] = readVarint(head, 0)
  const number = Math.floor(tag / 8)
  const [value, valueEnd] = tag % 8 === WireType.LengthDelimited ? readVarint(head, tagEnd) : [0, tagEnd]
  const start = at + valueEnd
  const end = start + contentLength(tag % 8, value, head, tagEnd)
  if (number === 0 || end > limit) throw new RangeError(`Expected a protobuf field at byte ${at}`)
  return { number, start, end }
}

function contentLength(wireType: number, length: number, head: Uint8Array, at: number): number {
  if (wireType === WireType.LengthDelimited) return length
  if (wireType === WireType.Varint) return readVarint(head, at)[1] - at
  if (wireType === WireType.Bit32) return 4
  if (wireType === WireType.Bit64) return 8
  throw new RangeError(`Expected a protobuf wire type, got ${wireType}`)
}

/** Exact up to 2⁵³; the ten bytes of a negative number only need to be skipped. */
function readVarint(bytes: Uint8Array, at: number): [value: number, end: number] {
  let value = 0
  for (let index = at; index < Math.min(at + 10, bytes.length); index++) {
    const byte = bytes[index]!
    value += (byte & 127) * 2 ** (7 * (index - at))
    if (byte < 128) return [value, index + 1]
  }
  throw new RangeError('Expected a protobuf varint')
}

/** Reads ahead, so that thousands of small fields cost few reads and a skipped weight costs none. */
function fileWindow(descriptor: number, ahead = 1 << 16): Pick<FileWindow, 'bytes'> {
  let window = new Uint8Array(0)
  let origin = 0
  return {
    bytes: (start, end) => {
      if (start < origin || end > origin + window.length) {
        window = new Uint8Array(Math.max(ahead, end - start))
        window = window.subarray(0, readSync(descriptor, window, 0, window.length, start))
        origin = start
        if (end > origin + window.length) throw new RangeError(`Expected ${end} bytes, got ${origin + window.length}`)
      }
      return window.subarray(start - origin, end - origin)
    },
  }
}
