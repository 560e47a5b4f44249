/// <reference lib="esnext.float16" />

import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { InferenceSession, listSupportedBackends, Tensor as OrtTensor } from 'onnxruntime-node'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'
import type { ElementType, ValueInfo } from './graph.ts'

/** Numbers for an input, in any numeric array; they are converted to the type that the model declares. */
export interface Feed {
  readonly dims: readonly number[]
  readonly data: Float32Array | Float64Array | Int32Array | Uint8Array | BigInt64Array
}

export type Feeds = Readonly<Record<string, Feed>>

export interface Session {
  readonly inputs: ReadonlyMap<string, ValueInfo>
  /**
   * Runs the whole graph. Feeds that the model has no input for are ignored; every output comes back as float32.
   * @throws RangeError if an input is missing or doesn't fit the declared dims
   */
  run(feeds: Feeds): Promise<Record<string, Tensor>>
  close(): Promise<void>
}

/**
 * A device that computes. Any but the CPU is only the first choice: operators without a kernel there run on the CPU.
 */
export type Device = 'cpu' | 'cuda' | 'directml' | 'coreml' | 'webgpu'

/**
 * Devices that this build of ONNX Runtime supports. CUDA's libraries are not in the package; they are downloaded on
 * request.
 */
export function knownDevices(): Device[] {
  const isBundled = new Map(listSupportedBackends().map(({ name, bundled }) => [name, bundled]))
  return (Object.keys(providers) as Device[])
    .filter((device) => isBundled.get(providers[device]) ?? false)
    .concat(isBundled.has('cuda') && existsSync(cudaLibrary()) ? ['cuda'] : [])
}

function cudaLibrary(): URL {
  const folder = `../bin/napi-v6/${process.platform}/${process.arch}/`
  return new URL(`${folder}libonnxruntime_providers_cuda.so`, import.meta.resolve('onnxruntime-node'))
}

const providers = { cpu: 'cpu', cuda: 'cuda', directml: 'dml', coreml: 'coreml', webgpu: 'webgpu' } as const

interface SessionOptions {
  /** @default 'cpu' */
  readonly device?: Device
  /** The folder that external weights are relative to. It must be a real path, or ONNX Runtime refuses them. */
  readonly folder?: string
  /** How far ONNX Runtime rewrites the graph. Beyond `extended` it copies the weights. @default 'basic' */
  readonly level?: 'disabled' | 'basic' | 'extended' | 'all'
  /** Uses memory for speed: weights are rearranged into private copies. @default false */
  readonly copyWeights?: boolean
  /** Conversions of stored weights are computed in every run instead of once into a private copy. @default false */
  readonly convertEachTime?: boolean
  /** Uses memory for speed: freed memory is kept for later instead of being returned. @default false */
  readonly keepMemory?: boolean
  /** Minimum: `1`. @default the number of cores */
  readonly threads?: number
}

/** Opens a model whose weights may be on disk. Those are mapped, and shared by every session that uses them. */
export async function openSession(model: Uint8Array, options: SessionOptions = {}): Promise<Session> {
  const session = await InferenceSession.create(model, ortOptions(options))
  const inputs = new Map(session.inputMetadata.map((info) => [info.name, infoOf(info)]))
  return {
    inputs,
    run: async (feeds) => {
      const ortFeeds = Object.fromEntries(
        [...inputs.values()].map((info) => [info.name, ortTensor(info, feeds[info.name])]),
      )
      const results = await session.run(ortFeeds)
      return Object.fromEntries(session.outputNames.map((name) => [name, plainTensor(results[name]!)]))
    },
    close: () => session.release(),
  }
}

/**
 * ONNX Runtime's optimised version of a model without weights: shape arithmetic folded, standard operators only.
 * `model` may not refer to weights on disk.
 */
export async function tidy(model: Uint8Array): Promise<Uint8Array> {
  const folder = await mkdtemp(join(tmpdir(), 'isto-'))
  try {
    const optimizedModelFilePath = join(folder, 'tidy.onnx')
    const session = await InferenceSession.create(model, { ...ortOptions({ level: 'basic' }), optimizedModelFilePath })
    await session.release()
    return await readFile(optimizedModelFilePath)
  } finally {
    await rm(folder, { recursive: true })
  }
}

/** Type and dims of the outputs of a model. */
export async function outputsOf(model: Uint8Array): Promise<ValueInfo[]> {
  const session = await InferenceSession.create(model, ortOptions({ level: 'disabled' }))
  const infos = session.outputMetadata.map(infoOf)
  await session.release()
  return infos
}

function ortOptions({
  device = 'cpu',
  folder,
  level = 'basic',
  copyWeights = false,
  convertEachTime = false,
  keepMemory = false,
  threads,
}: SessionOptions): InferenceSession.SessionOptions {
  return {
    // Named alone: of several, one that is unavailable is left out silently. The CPU computes the rest in any case.
    executionProviders: [providers[device]],
    graphOptimizationLevel: level,
    logSeverityLevel: 3,
    enableMemPattern: false,
    enableCpuMemArena: keepMemory,
    ...(threads !== undefined && { intraOpNumThreads: threads }),
    extra: {
      'session.disable_prepacking': copyWeights ? '0' : '1',
      ...(convertEachTime && {
        'optimization.disable_specified_optimizers': 'ConstantFolding;CommonSubexpressionElimination',
      }),
      ...(folder && { 'session.model_external_initializers_file_folder_path': folder }),
    },
  }
}

function infoOf(info: InferenceSession.ValueMetadata): ValueInfo {
  if (!info.isTensor) throw new TypeError(`Expected a tensor for ${info.name}`)
  return { name: info.name, type: info.type as ElementType, dims: info.shape }
}

function ortTensor({ name, type, dims }: ValueInfo, feed: Feed | undefined): OrtTensor {
  const expected = `Expected ${name} to be ${type} [${dims}]`
  if (!feed) throw new RangeError(`${expected}, got nothing`)
  const fits =
    feed.dims.length === dims.length && dims.every((dim, axis) => typeof dim === 'string' || dim === feed.dims[axis])
  if (!fits || feed.data.length !== sizeOf(feed.dims)) {
    throw new RangeError(`${expected}, got [${feed.dims}] with ${feed.data.length} numbers`)
  }
  const data = converted(type, feed.data)
  const tensor = new OrtTensor(type as 'float32', data as Float32Array, feed.dims)
  // The native side of onnxruntime-node 1.30 reads half floats only as their bits.
  return data instanceof Float16Array
    ? Object.defineProperty(tensor, 'data', { value: new Uint16Array(data.buffer) })
    : tensor
}

function converted(type: ElementType, data: Feed['data']): Feed['data'] | Float16Array {
  if (type === 'float32') return data instanceof Float32Array ? data : Float32Array.from(data, Number)
  if (type === 'float16') return Float16Array.from(data, Number)
  if (type === 'float64') return Float64Array.from(data, Number)
  if (type === 'int32') return data instanceof Int32Array ? data : Int32Array.from(data, Number)
  if (type === 'bool' || type === 'uint8') return Uint8Array.from(data, Number)
  if (type === 'int64') return data instanceof BigInt64Array ? data : BigInt64Array.from(data, BigInt)
  throw new TypeError(`Expected an input of a numeric type, got ${type}`)
}

function plainTensor({ dims, data }: OrtTensor): Tensor {
  if (data instanceof Float32Array) return { dims, data }
  return { dims, data: Float32Array.from(data as ArrayLike<number | bigint>, Number) }
}
