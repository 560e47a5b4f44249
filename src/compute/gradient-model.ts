import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expandSlicedAttention, gatherLargeAttention } from '../autodiff/attention.ts'
import { gradient } from '../autodiff/gradient.ts'
import { rematerialize } from '../autodiff/rematerialize.ts'
import { Emitter } from '../onnx/emitter.ts'
import { type Graph, isOnDisk, type Value, valueNamed } from '../onnx/graph.ts'
import { lowerAttention } from '../onnx/lower-attention.ts'
import { decodeGraph, encodeGraph } from '../onnx/proto.ts'
import { outputsOf, tidy } from '../onnx/session.ts'
import { simplify } from '../onnx/simplify.ts'
import { toFloat16 } from '../onnx/to-float16.ts'

export interface GradientModelOptions {
  /** The dims of every input while learning. */
  readonly inputDims: Readonly<Record<string, readonly number[]>>
  /** Names of the inputs to differentiate with respect to. */
  readonly by: readonly string[]
  readonly loss: Loss
  /** Computes in float16 where that is safe. @default false */
  readonly half?: boolean
  readonly cacheFolder?: string
}

/**
 * What is differentiated. n is the batch, i a sample.
 * - `weighted-mse`: lossᵢ = Σⱼ weightᵢⱼ·(outputᵢⱼ − targetᵢⱼ)². Further inputs `target` and `weight`, as large as the
 *   output.
 * - `cotangent`: the gradient with respect to each output is fed as `cotangent:<output>`.
 */
type Loss =
  | { readonly kind: 'weighted-mse'; readonly output: string }
  | { readonly kind: 'cotangent'; readonly outputs: readonly string[] }

export const lossName = 'loss'

/**
 * In half precision gradients are carried backward multiplied by the output `cotangent_scale`, so that the largest
 * number of the cotangents equals the further scalar input `cotangent_size`. The returned gradients are still
 * multiplied by it.
 */
export const cotangentSize = 'cotangent_size'
export const cotangentScale = 'cotangent_scale'

export const lossOutputs = (loss: Loss): readonly string[] => (loss.kind === 'cotangent' ? loss.outputs : [loss.output])

/**
 * The model that computes the outputs, loss and gradients of `graph`, from the cache if it was built before. The key
 * covers the graph, sizes, options, and the code that builds it, but not the weights on disk: every model of the same
 * architecture has the same gradient graph.
 */
export async function buildGradientModel(graph: Graph, options: GradientModelOptions): Promise<Graph> {
  const whole = await cachedGradientGraph(graph, options)
  return options.half ? toFloat16(whole) : whole
}

async function cachedGradientGraph(graph: Graph, options: GradientModelOptions): Promise<Graph> {
  const { cacheFolder, inputDims, by, loss, half = false } = options
  if (!cacheFolder) return gradientGraph(graph, options)
  const key = createHash('sha256')
    .update(encodeGraph(withoutWeights(graph)))
    .update(JSON.stringify([inputDims, by, loss, half]))
    .update(await ownCode())
  const path = join(cacheFolder, `${key.digest('hex').slice(0, 32)}.gradient.onnx`)
  const cached = await readFile(path).catch(() => undefined)
  if (cached) return withWeights(decodeGraph(cached), graph)
  const built = await gradientGraph(graph, options)
  await mkdir(cacheFolder, { recursive: true })
  await writeFile(`${path}.${process.pid}`, encodeGraph(withoutWeights(built)))
  await rename(`${path}.${process.pid}`, path)
  return built
}

/** Weights on disk are shown as inputs. */
function withoutWeights(graph: Graph): Graph {
  const weights = [...graph.constants].filter(([, { data }]) => isOnDisk(data))
  const names = new Set(weights.map(([name]) => name))
  return {
    ...graph,
    inputs: [...graph.inputs, ...weights.map(([name, { type, dims }]) => ({ name, type, dims }))],
    constants: new Map([...graph.constants].filter(([name]) => !names.has(name))),
  }
}

/** The inverse, with the weights of `original`. */
function withWeights(graph: Graph, original: Graph): Graph {
  const weights = new Map([...original.constants].filter(([, { data }]) => isOnDisk(data)))
  const used = graph.inputs.filter(({ name }) => weights.has(name))
  return {
    ...graph,
    inputs: graph.inputs.filter(({ name }) => !weights.has(name)),
    constants: new Map([...graph.constants, ...used.map(({ name }) => [name, weights.get(name)!] as const)]),
  }
}

/** In float32. `half` says how the cotangents are carried backward. */
export async function gradientGraph(
  graph: Graph,
  { inputDims, by, loss, half = false }: GradientModelOptions,
): Promise<Graph> {
  const outputs = lossOutputs(loss)
  for (const name of outputs) {
    if (!graph.outputs.includes(name)) throw new TypeError(`Expected one of the outputs ${graph.outputs}, got ${name}`)
  }
  const simple = await simplify({ ...graph, outputs }, inputDims, { tidy, outputsOf })
  const gathered = gatherLargeAttention(lowerAttention(simple))
  const found = loss.kind === 'cotangent' ? takeCotangents(gathered) : appendWeightedMse(gathered)
  const { graph: withLoss, cotangents } = half ? scaleCotangents(found) : found
  const differentiated = rematerialize(gradient(withLoss, { by, cotangents }), {
    forward: new Set(withLoss.nodes),
    cotangents: Object.values(cotangents),
  })
  return expandSlicedAttention(differentiated)
}

interface GraphWithLoss {
  readonly graph: Graph
  /** By output, the name of the loss's gradient with respect to it. */
  readonly cotangents: Readonly<Record<string, string>>
}

function takeCotangents(graph: Graph): GraphWithLoss {
  const inputs = graph.outputs.map((name) => ({ ...outputOf(graph, name), name: `cotangent:${name}` }))
  const cotangents = Object.fromEntries(graph.outputs.map((name) => [name, `cotangent:${name}`]))
  return { graph: { ...graph, inputs: [...graph.inputs, ...inputs] }, cotangents }
}

function appendWeightedMse(graph: Graph): GraphWithLoss {
  const output = outputOf(graph, graph.outputs[0]!)
  const [target, weight] = [
    { ...output, name: 'target' },
    { ...output, name: 'weight' },
  ]
  const emit = new Emitter({ ...graph, inputs: [...graph.inputs, target, weight] }, 'loss/')
  const difference = emit.sub(output, target)
  const weighted = emit.mul(weight, difference)
  const perSample = emit.sum(emit.mul(weighted, difference), output.dims.map((_, axis) => axis).slice(1))
  const batch = output.dims.slice(0, 1)
  emit.node('Reshape', [perSample, emit.integers(batch)], batch, { name: lossName })
  const cotangent = emit.mul(weighted, 2)
  return { graph: emit.graph([...graph.outputs, lossName]), cotangents: { [output.name]: cotangent.name } }
}

function scaleCotangents({ graph, cotangents }: GraphWithLoss): GraphWithLoss {
  const size: Value = { name: cotangentSize, type: 'float32', dims: [] }
  const inputs = [...graph.inputs, size]
  const emit = new Emitter({ ...graph, inputs }, 'scale/')
  const given = Object.entries(cotangents).map(([output, name]) => {
    return [output, valueNamed({ ...graph, inputs }, name) as Value] as const
  })
  const largest = given
    .map(([, each]) =>
      emit.node('ReduceMax', [emit.node('Abs', [each], each.dims)], [], { attributes: { keepdims: 0n } }),
    )
    .reduce((left, right) => emit.node('Max', [left, right], []))
  const atLeast = emit.node('Max', [largest, emit.constant('float32', [], [1e-30])], [])
  const scale = emit.node('Div', [size, atLeast], [], { name: cotangentScale })
  const scaled = given.map(([output, each]) => [output, emit.mul(each, scale).name])
  return { graph: emit.graph([...graph.outputs, cotangentScale]), cotangents: Object.fromEntries(scaled) }
}

const outputOf = (graph: Graph, name: string) => graph.values.get(name) as Value

/** A digest of the code that builds gradient graphs: another version never reads this one's cache. */
async function ownCode(): Promise<string> {
  const hash = createHash('sha256')
  for (const folder of ['../autodiff', '../autodiff/rules', '../onnx', '.']) {
    const files = await readdir(join(import.meta.dirname, folder), { withFileTypes: true })
    for (const { name, parentPath } of files
      .filter((file) => file.isFile())
      .sort((a, b) => (a.name < b.name ? -1 : 1))) {
      hash.update(name).update(await readFile(join(parentPath, name)))
    }
  }
  return hash.digest('hex')
}
