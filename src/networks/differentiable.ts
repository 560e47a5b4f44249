import { gradientName } from '../autodiff/gradient.ts'
import { cutTokenEmbeddings } from '../onnx/cut.ts'
import { type Constant, type Graph, isOnDisk, numbersOf, type ValueInfo } from '../onnx/graph.ts'
import { encodeGraph, folderOfWeights, readModel, readRange } from '../onnx/proto.ts'
import { type Feeds, openSession, type Session } from '../onnx/session.ts'
import { widen } from '../onnx/widen.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { buildGradientModel, type GradientModelOptions, lossName, lossOutputs } from './gradient-model.ts'

export interface DifferentiableOptions extends GradientModelOptions {
  /** The `.onnx` file of an ordinary inference export. */
  readonly path: string
  /**
   * Text encoders: the lookup of token embeddings is cut out, and what it gave becomes the input `token_embeddings`
   * [n, length, width]. `input_ids` stays an input, for pooling. @default false
   */
  readonly cutTokenEmbeddings?: boolean
  /** Where the gradient graph is kept, so that it is built once. @default built every time */
  readonly cacheFolder?: string
  /** Minimum: `1`. @default the number of cores */
  readonly threads?: number
}

export interface Differentiable {
  /** What the model takes, after the cut. Feeds of other types are converted, but not of other dims. */
  readonly inputs: ReadonlyMap<string, ValueInfo>
  /** Forward only, for any batch size that the model takes. Opens its own session, over the same weights, when first used. */
  run(feeds: Feeds): Promise<Record<string, Tensor>>
  /** Forward and backward, for `inputDims`. Opens its session when first used. */
  runWithGradient(feeds: Feeds): Promise<ForwardAndGradient>
  /** The table that the cut took out. @throws TypeError when nothing was cut. */
  tokenEmbeddingTable(): TokenEmbeddingTable
  close(): Promise<void>
}

export interface ForwardAndGradient {
  /** The outputs that the loss is made of. */
  readonly outputs: Readonly<Record<string, Tensor>>
  /** `weighted-mse` only: [n], the loss of each sample. */
  readonly loss?: Tensor
  /** By the names in `by`, each as large as its input: the gradient of the sum of all losses. */
  readonly gradients: Readonly<Record<string, Tensor>>
}

export interface TokenEmbeddingTable {
  /** [vocabulary, width] */
  readonly dims: readonly [number, number]
  /** The embedding of a token, [width], read from disk. @throws RangeError when there is no such token. */
  row(id: number): Float32Array
}

/**
 * A network that can be run, and differentiated by its inputs. Large weights are never copied: both sessions map the files.
 * Models in half precision are computed in float32.
 * @throws UserError when the file is not a model, or (before any inference) has an operator without a gradient.
 */
export async function openDifferentiable(options: DifferentiableOptions): Promise<Differentiable> {
  const original = widen(readModel(options.path))
  const { graph, table } = options.cutTokenEmbeddings ? cutTokenEmbeddings(original) : { graph: original }
  const folder = folderOfWeights(graph)
  const open = (model: Uint8Array) => openSession(model, { ...sessionOptions(graph), folder, threads: options.threads })
  const forward = lazily(() => open(encodeGraph(graph, folder)))
  const backward = lazily(async () => open(await buildGradientModel(graph, folder, options)))
  return {
    inputs: new Map(graph.inputs.map((info) => [info.name, info])),
    run: async (feeds) => (await forward.get()).run(feeds),
    runWithGradient: async (feeds) => {
      const results = await (await backward.get()).run(feeds)
      const gradients = options.by.map((name) => [name, results[gradientName(name)]!])
      return {
        outputs: Object.fromEntries(lossOutputs(options.loss).map((name) => [name, results[name]!])),
        ...(options.loss.kind === 'weighted-mse' && { loss: results[lossName]! }),
        gradients: Object.fromEntries(gradients),
      }
    },
    tokenEmbeddingTable: () => {
      if (!table) throw new TypeError('Expected a model opened with `cutTokenEmbeddings`')
      return tableOf(table)
    },
    close: async () => {
      await Promise.all([forward.close(), backward.close()])
    },
  }
}

/** A network that is only ever run forward. */
export const openForward = (path: string, threads?: number): Promise<Differentiable> =>
  openDifferentiable({ path, threads, inputDims: {}, by: [], loss: { kind: 'cotangent', outputs: [] } })

/**
 * Below this many bytes of weights a session rearranges them for speed, into copies of its own (measured on 17 M
 * parameters: 30 % faster steps); above, every session shares the mapped files.
 */
const smallModel = 256 * 2 ** 20

function sessionOptions(graph: Graph) {
  const bytes = [...graph.constants.values()].reduce((total, { data }) => total + (isOnDisk(data) ? data.length : 0), 0)
  return bytes < smallModel ? ({ level: 'all', copyWeights: true } as const) : ({ level: 'basic' } as const)
}

function lazily(open: () => Promise<Session>) {
  let session: Promise<Session> | undefined
  return {
    get: () => (session ??= open()),
    /** A session that could not be opened needs no closing. */
    close: async () =>
      session?.then(
        (opened) => opened.close(),
        () => undefined,
      ),
  }
}

function tableOf({ type, storedAs = type, dims, data }: Constant): TokenEmbeddingTable {
  const [count, width] = dims as [number, number]
  const bytesPerRow = (isOnDisk(data) ? data.length : data.byteLength) / count
  return {
    dims: [count, width],
    row: (id) => {
      if (!Number.isInteger(id) || id < 0 || id >= count)
        throw new RangeError(`Expected a token from 0 to ${count - 1}, got ${id}`)
      const start = id * bytesPerRow
      const bytes = isOnDisk(data)
        ? readRange({ file: data.file, offset: data.offset + start, length: bytesPerRow })
        : data.subarray(start, start + bytesPerRow)
      return Float32Array.from(numbersOf({ type: storedAs, dims: [width], data: bytes })!)
    },
  }
}
