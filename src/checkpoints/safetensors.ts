import { closeSync, fstatSync, openSync, readSync, realpathSync } from 'node:fs'
import type { StoredTensor, Tensors } from '../architectures/tensors.ts'
import { quoted, UserError } from '../errors.ts'
import type { ElementType } from '../onnx/graph.ts'
import type { Sentence } from '../sentence.ts'
import { parseSafetensorsHeader } from '../tensor/safetensors-header.ts'

export interface SafetensorsIndex {
  /** By their names in the file. */
  readonly tensors: Tensors
  readonly metadata: Readonly<Record<string, string>>
}

/** Far more than any model needs: SDXL's header has 0.3 MB. */
const LARGEST_HEADER_BYTES = 16 * 2 ** 20

/**
 * The positions of the tensors in a `.safetensors` file. However large it is, only its header is read.
 * @throws UserError for anything but a complete file of that kind
 */
export function readSafetensorsIndex(path: string): SafetensorsIndex {
  const file = realFile(path)
  const descriptor = openSync(file, 'r')
  try {
    const { size } = fstatSync(descriptor)
    const start = readBytes(descriptor, 0, Math.min(size, 1024))
    const headerBytes = start.length < 8 ? Number.NaN : Number(start.readBigUInt64LE())
    const dataStart = 8 + headerBytes
    if (!(headerBytes <= LARGEST_HEADER_BYTES && dataStart <= size)) throw new UserError(`${path} ${reasonFor(start)}.`)
    const refuse = (reason: Sentence) =>
      new UserError('{path} is damaged, for {reason}: download it again.', { path, reason })
    const header = readBytes(descriptor, 8, headerBytes)
    const { entries, metadata } = parseSafetensorsHeader(header, size - dataStart, bytesPerNumberIn(path), refuse)
    const tensors = entries.map(({ name, type, dims, start, end }): [string, StoredTensor] => [
      name,
      { type: TYPES[type]![0], dims, data: { file, offset: dataStart + start, length: end - start } },
    ])
    return { tensors: new Map(tensors), metadata }
  } finally {
    closeSync(descriptor)
  }
}

function realFile(path: string): string {
  try {
    return realpathSync(path)
  } catch (cause) {
    throw new UserError(`There is no ${path}.`, {}, { cause })
  }
}

function readBytes(descriptor: number, position: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  return bytes.subarray(0, readSync(descriptor, bytes, 0, length, position))
}

/** What a file is that is not `.safetensors`, by its first bytes. */
function reasonFor(start: Buffer): string {
  const text = start.toString('latin1')
  if (text.startsWith('version https://git-lfs')) return 'only points to the file: `git lfs pull` fetches it'
  if (text.startsWith('GGUF'))
    return 'is a GGUF file, whose weights are quantised: get the model as .safetensors in float16'
  if (text.startsWith('PK\u0003\u0004') || text.startsWith('\u0080\u0002')) {
    return 'is a PyTorch file (.ckpt, .pt or .bin), which may hold a program and is never opened here: get the model as .safetensors'
  }
  return 'is not a safetensors file, or it is cut off: download it again'
}

const bytesPerNumberIn = (path: string) => (type: string, name: string) => {
  const known = TYPES[type]
  if (known) return known[1]
  const kind = /^F8/.test(type) ? 'float8 numbers' : `numbers of the type ${quoted(type, 20)}`
  throw new UserError(`${path} holds ${kind} (${quoted(name)}), which are not supported: get the model in float16.`)
}

const TYPES: Readonly<Record<string, readonly [type: ElementType, bytes: number]>> = {
  F64: ['float64', 8],
  F32: ['float32', 4],
  F16: ['float16', 2],
  BF16: ['bfloat16', 2],
  I64: ['int64', 8],
  I32: ['int32', 4],
  I16: ['int16', 2],
  I8: ['int8', 1],
  U64: ['uint64', 8],
  U32: ['uint32', 4],
  U16: ['uint16', 2],
  U8: ['uint8', 1],
  BOOL: ['bool', 1],
}
