/// <reference lib="esnext.float16" />

import { createHash, type Hash } from 'node:crypto'
import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { basename, resolve } from 'node:path'
import type { Model } from '../hub/catalog.ts'
import { cutTokenEmbeddings } from '../onnx/cut-token-embeddings.ts'
import { type Constant, type Graph, isFloat, isOnDisk } from '../onnx/graph.ts'
import { readRange } from '../onnx/proto.ts'
import type { ModelLayout } from './layout.ts'

export interface Identity {
  readonly name: string
  /** Distinguishes the weights of models of the same shape. */
  readonly hash: string
}

/**
 * A model's name, and which model it is: by its manifest if it ships with isto, else by its weights, whatever files
 * they are in. An export, a diffusers folder and a single file of the same weights are the same model, even if one of
 * them is in half precision.
 */
export function identityOf(layout: Pick<ModelLayout, 'path' | 'manifest' | 'reference' | 'has' | 'graph'>): Identity {
  const { path, manifest, reference } = layout
  const hash = createHash('sha256')
  if (manifest && !manifest.sources) {
    for (const line of [manifest.name, ...contentOf(manifest)]) hash.update(`${line}\n`)
  } else {
    addMatrices(hash, layout.graph('denoiser'))
    if (layout.has('text_encoder')) addTokens(hash, cutTokenEmbeddings(layout.graph('text_encoder')).table)
  }
  for (const lora of reference.loras) {
    hash.update(`${lora.strength}`)
    addSample(hash, lora.path)
  }
  const own = manifest?.name ?? basename(resolve(path), '.safetensors')
  const name = [own, ...reference.loras.map((lora) => basename(lora.path, '.safetensors'))].join('+')
  return { name, hash: hash.digest('hex').slice(0, 16) }
}

/** The networks among the files that ship with isto. */
function contentOf({ files }: Model): string[] {
  const used = files.filter(({ path }) => PARTS.some((part) => path.startsWith(part)))
  return used.map(({ path, sha256, gitOid }) => `${path} ${sha256 ?? gitOid}`).sort()
}

const PARTS = ['scheduler', 'text_encoder', 'tokenizer', 'transformer', 'unet', 'vae_decoder', 'vae_encoder']

/**
 * The smallest square matrices, which are those of attention. Exporters rename and transpose them, so only the number
 * of times that each value occurs is used, rounded to half precision.
 */
function addMatrices(hash: Hash, { constants }: Graph): void {
  const squares = [...constants.values()].filter(({ type, dims }) => {
    const [rows = 0, columns, ...kernel] = dims
    return isFloat(type) && rows >= SMALLEST_SIDE && rows === columns && kernel.every((size) => size === 1)
  })
  const bySide = Map.groupBy(squares, ({ dims }) => dims[0]!)
  const sides = [...bySide.keys()].sort((one, other) => one - other)
  const side = sides.find((each) => bySide.get(each)!.length >= FEWEST) ?? sides[0]
  const digests = (side === undefined ? [] : bySide.get(side)!).map((matrix) => {
    const counts = new Uint32Array(2 ** 16)
    for (const bits of halfBits(matrix)) counts[bits]!++
    return createHash('sha256').update(counts).digest('hex')
  })
  hash.update(digests.sort().join())
}

const SMALLEST_SIDE = 8
const FEWEST = 4

/** Some rows of the table of token embeddings. */
function addTokens(hash: Hash, table: Constant): void {
  const { type, dims, data, storedAs } = table
  const [count, width] = dims as [number, number]
  const perRow = data.length / count
  for (let sample = 0; sample < ROWS; sample++) {
    const start = Math.floor((sample * (count - 1)) / (ROWS - 1)) * perRow
    const row = isOnDisk(data)
      ? { ...data, offset: data.offset + start, length: perRow }
      : data.subarray(start, start + perRow)
    hash.update(halfBits({ type, dims: [1, width], data: row, ...(storedAs && { storedAs }) }))
  }
}

const ROWS = 32

/** The numbers of a constant in half precision, as their bits. */
function halfBits({ type, storedAs = type, data }: Constant): Uint16Array {
  const { buffer } = new Uint8Array(isOnDisk(data) ? readRange(data) : data)
  if (storedAs === 'float16') return new Uint16Array(buffer)
  const wide =
    storedAs === 'bfloat16'
      ? new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer)
      : storedAs === 'float64'
        ? new Float64Array(buffer)
        : new Float32Array(buffer)
  return new Uint16Array(Float16Array.from(wide).buffer)
}

/** Size and samples: distinguishes gigabytes in milliseconds. */
function addSample(hash: Hash, path: string): void {
  const { size } = statSync(path)
  hash.update(String(size))
  const descriptor = openSync(path, 'r')
  try {
    for (let sample = 0; sample < SAMPLES; sample++) {
      const bytes = Buffer.alloc(SAMPLE_BYTES)
      const position = Math.floor((sample * Math.max(0, size - SAMPLE_BYTES)) / (SAMPLES - 1))
      hash.update(bytes.subarray(0, readSync(descriptor, bytes, 0, SAMPLE_BYTES, position)))
    }
  } finally {
    closeSync(descriptor)
  }
}

const SAMPLES = 64
const SAMPLE_BYTES = 16 * 1024
