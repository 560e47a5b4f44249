import { quoted, UserError } from '../errors.ts'
import { type Sentence, sentence } from '../sentence.ts'
import { parseSafetensorsHeader, type SafetensorsEntry } from './safetensors-header.ts'

/** What a `.safetensors` file holds. */
export interface SafetensorsContent {
  readonly tensors: Readonly<Record<string, NumberArray>>
  readonly metadata: Readonly<Record<string, string>>
}

/** Row-major; `data.length` is the product of `dims`. */
interface NumberArray {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

/** Far more than any difference needs; a file is read at once. */
const LARGEST_BYTES = 64 * 2 ** 20
const LARGEST_HEADER_BYTES = 2 ** 20

/** The same content gives the same bytes. Numbers are stored as F32. */
export function encodeSafetensors({ tensors, metadata }: SafetensorsContent): Uint8Array {
  const header: [string, unknown][] = Object.keys(metadata).length > 0 ? [['__metadata__', metadata]] : []
  let end = 0
  for (const [name, { dims, data }] of Object.entries(tensors)) {
    const start = end
    end += data.length * 4
    header.push([name, { dtype: 'F32', shape: dims, data_offsets: [start, end] }])
  }
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)))
  const headerBytes = Math.ceil(json.length / 8) * 8
  const file = Buffer.alloc(8 + headerBytes + end, ' ')
  file.writeBigUInt64LE(BigInt(headerBytes))
  json.copy(file, 8)
  let offset = 8 + headerBytes
  for (const { data } of Object.values(tensors)) {
    for (const value of data) offset = file.writeFloatLE(value, offset)
  }
  return file
}

/**
 * Reads F64, F32, F16 and BF16 and copies every number to float32; tensors of integers are left out. As strict as the format's own library: the tensors cover
 * the data exactly, without holes or overlaps.
 *
 * @param name The person's name for the file; messages begin with it.
 * @throws UserError for anything else
 */
export function decodeSafetensors(bytes: Uint8Array, name: string | Sentence): SafetensorsContent {
  if (bytes.length > LARGEST_BYTES) {
    throw new UserError('{name} is larger than {limit} MB.', { name, limit: LARGEST_BYTES / 2 ** 20 })
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const headerBytes = bytes.length < 8 ? NaN : Number(view.getBigUint64(0, true))
  const dataStart = 8 + headerBytes
  if (!(headerBytes <= LARGEST_HEADER_BYTES && dataStart <= bytes.length)) {
    if (isPickle(bytes)) {
      throw new UserError(
        '{name} is a PyTorch file, which may hold a program and is never opened here: get it as .safetensors, or convert it if you trust its maker.',
        { name },
      )
    }
    throw new UserError('{name} is not a safetensors file, or it is cut off.', { name })
  }
  const refuse = (reason: Sentence) =>
    new UserError('{name} is a damaged safetensors file: {reason}.', { name, reason })
  const bytesPerNumber = (type: string, name: string) => {
    if (isNumberType(type)) return NUMBER_TYPES[type].bytes
    if (Object.hasOwn(INTEGER_BYTES, type)) return INTEGER_BYTES[type as keyof typeof INTEGER_BYTES]
    throw refuse(
      sentence('{tensor} holds {type} numbers where F64, F32, F16 or BF16 are expected', {
        tensor: quoted(name),
        type: quoted(type, 20),
      }),
    )
  }
  const header = bytes.subarray(8, dataStart)
  const { entries, metadata } = parseSafetensorsHeader(header, bytes.length - dataStart, bytesPerNumber, refuse)
  const data = new DataView(view.buffer, view.byteOffset + dataStart, bytes.length - dataStart)
  const tensors = entries
    .filter(({ type }) => isNumberType(type))
    .map((entry) => [entry.name, readTensor(entry, data)] as const)
  return { tensors: Object.fromEntries(tensors), metadata }
}

/**
 * PyTorch's `.pt`, `.bin` and `.ckpt`: a ZIP archive with a pickle in it, or, before version 1.6, a sequence of
 * pickles.
 */
const isPickle = (bytes: Uint8Array) =>
  ['504b0304', '80028a0a'].includes(Buffer.from(bytes.subarray(0, 4)).toString('hex'))

const NUMBER_TYPES = {
  F64: { bytes: 8, read: (view: DataView, at: number) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view: DataView, at: number) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view: DataView, at: number) => fromFloat16(view.getUint16(at, true)) },
  BF16: { bytes: 2, read: (view: DataView, at: number) => fromBfloat16(view.getUint16(at, true)) },
}

/** Left out: steps and vocabularies that training programs write beside the weights. */
const INTEGER_BYTES = { BOOL: 1, U8: 1, I8: 1, U16: 2, I16: 2, U32: 4, I32: 4, U64: 8, I64: 8 }

function readTensor({ type, dims, start, end }: SafetensorsEntry, view: DataView): NumberArray {
  const { bytes, read } = NUMBER_TYPES[type as keyof typeof NUMBER_TYPES]
  return {
    dims,
    data: Float32Array.from({ length: (end - start) / bytes }, (_, index) => read(view, start + index * bytes)),
  }
}

function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = (bits >> 10) & 31
  const fraction = bits & 1023
  if (exponent === 31) return fraction ? NaN : sign * Infinity
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25)
}

function fromBfloat16(bits: number): number {
  return new Float32Array(new Uint32Array([bits << 16]).buffer)[0]!
}

const isNumberType = (value: string): value is keyof typeof NUMBER_TYPES => Object.hasOwn(NUMBER_TYPES, value)
