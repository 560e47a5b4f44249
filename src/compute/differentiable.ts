import { gradientName } from '../autodiff/gradient.ts'
import { cutTokenEmbeddings } from '../onnx/cut-token-embeddings.ts'
import { type Constant, type Graph, isOnDisk, numbersOf, type ValueInfo } from '../onnx/graph.ts'
import { encodeGraph, folderOfWeights, readRange } from '../onnx/proto.ts'
import { type Device, type Feeds, openSession } from '../onnx/session.ts'
import { toFloat32 } from '../onnx/to-float32.ts'
import { sizeOf, type Tensor } from '../tensor/tensor.ts'
import { buildGradientModel, type GradientModelOptions, lossName, lossOutputs } from './gradient-model.ts'
import { areFinite, isHalf, scaledRuns } from './half-precision.ts'
import type { Hardware } from './hardware.ts'
import { createPlacement, lazily, type Sessions } from './placement.ts'

export interface DifferentiableOptions extends Omit<GradientModelOptions, 'half'> {
  /** An ordinary inference graph. */
  readonly graph: Graph
  /** Its name in messages. */
  readonly name: string
  /**
   * For text encoders: the lookup of token embeddings is cut out, and its result becomes the input `token_embeddings`
   * [n, length, width]. `input_ids` stays an input, for pooling. @default false
   */
  readonly cutTokenEmbeddings?: boolean
  /** Where the gradient graph is kept, so that it is built once. @default built every time */
  readonly cacheFolder?: string
  /**
   * Runs and gradients alternate in long phases: for a large model only one of the two sessions is open at a time.
   * @default false
   */
  readonly inPhases?: boolean
  /** @default the CPU */
  readonly hardware?: Hardware
}

interface Differentiable {
  /** The model's inputs, after the cut. Feeds of other types are converted; other dims are not accepted. */
  readonly inputs: ReadonlyMap<string, ValueInfo>
  /** Forward only, for any batch size that the model takes. Opens its own session, over the same weights, when first used. */
  run(feeds: Feeds): Promise<Record<string, Tensor>>
  /** Forward and backward, for `inputDims`. Opens its session when first used. */
  runWithGradient(feeds: Feeds): Promise<ForwardAndGradient>
  /** The table that was cut out. @throws TypeError if nothing was cut out */
  tokenEmbeddingTable(): TokenEmbeddingTable
  close(): Promise<void>
}

interface ForwardAndGradient {
  /** The outputs that the loss is computed from. */
  readonly outputs: Readonly<Record<string, Tensor>>
  /** `weighted-mse` only: [n], the loss of each sample. */
  readonly loss?: Tensor
  /** With respect to the names in `by`, each as large as its input: the gradient of the sum of all losses. */
  readonly gradients: Readonly<Record<string, Tensor>>
}

interface TokenEmbeddingTable {
  /** [vocabulary, width] */
  readonly dims: readonly [number, number]
  /** The embedding of a token, [width], read from disk. @throws RangeError if there is no such token */
  row(id: number): Float32Array
}

/**
 * A network that can be run, and differentiated with respect to its inputs. Large weights are never copied: both
 * sessions map the files, and half floats become single ones only for the operator that is computed. Models in half precision are computed in float32, unless the hardware says otherwise.
 * @throws UserError (before any inference) if an operator has no gradient
 */
export async function openDifferentiable(options: DifferentiableOptions): Promise<Differentiable> {
  const { by, loss } = options
  const cut = (model: Graph): { graph: Graph; table?: Constant } =>
    options.cutTokenEmbeddings ? cutTokenEmbeddings(model) : { graph: model }
  const stored = options.graph
  const { graph, table } = cut(toFloat32(stored))
  const folder = folderOfWeights(graph)
  const sessionsOn = (device: Device, half: boolean): Sessions => {
    const open = (model: Graph, isGradient = false) => {
      const how = { ...sessionOptions(graph, device, isGradient), folder, device }
      return openSession(encodeGraph(model, folder, how.convertEachTime ? 'by each use' : 'once'), how)
    }
    return {
      device,
      half,
      forward: lazily(() => open(half ? cut(stored).graph : graph)),
      backward: lazily(async () => open(await buildGradientModel(graph, { ...options, half }), true)),
    }
  }
  const runScaled = scaledRuns(by)
  const takesTurns = options.inPhases && !isSmall(graph)
  const placement = createPlacement({ ...options, takesTurns }, graph, sessionsOn, isHalf(stored))
  return {
    inputs: new Map(graph.inputs.map((info) => [info.name, info])),
    run: (feeds) =>
      placement.run(feeds, async ({ forward, half }) => {
        const results = await (await forward.get()).run(feeds)
        return { results, isRight: !half || Object.values(results).every(areFinite) }
      }),
    runWithGradient: async (feeds) => {
      const results = await placement.learn(async ({ backward, half }) =>
        half
          ? runScaled(await backward.get(), feeds)
          : { results: await (await backward.get()).run(feeds), isRight: true },
      )
      const gradients = by.map((name) => [name, results[gradientName(name)]!])
      return {
        outputs: Object.fromEntries(lossOutputs(loss).map((name) => [name, results[name]!])),
        ...(loss.kind === 'weighted-mse' && { loss: results[lossName]! }),
        gradients: Object.fromEntries(gradients),
      }
    },
    tokenEmbeddingTable: () => {
      if (!table) throw new TypeError('Expected a model opened with `cutTokenEmbeddings`')
      return tableOf(table)
    },
    close: () => placement.close(),
  }
}

/** A network that is only run forward. */
export const openForward = (options: Pick<DifferentiableOptions, 'graph' | 'name' | 'hardware'>) =>
  openDifferentiable({ ...options, inputDims: {}, by: [], loss: { kind: 'cotangent', outputs: [] } })

/**
 * Below this many bytes of weights, as float32, a session rearranges them for speed into private copies (measured on
 * 17 M parameters: 30 % faster steps). Above, all sessions share the mapped files.
 */
const smallModel = 256 * 2 ** 20

function isSmall({ constants }: Graph): boolean {
  const onDisk = [...constants.values()].filter(({ data }) => isOnDisk(data))
  return onDisk.reduce((total, { dims }) => total + 4 * sizeOf(dims), 0) < smallModel
}

function sessionOptions(graph: Graph, device: Device, isGradient: boolean) {
  if (device !== 'cpu') return { level: 'basic', convertEachTime: false } as const
  // Allocating and freeing memory takes a quarter of a Stable Diffusion 1.5 step.
  if (isSmall(graph)) return { level: 'all', copyWeights: true, keepMemory: true, convertEachTime: false } as const
  // A gradient graph is simplified already: rewriting it once more takes 17 s for Stable Diffusion XL, and gains nothing.
  return { level: isGradient ? 'disabled' : 'extended', keepMemory: true, convertEachTime: true } as const
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
