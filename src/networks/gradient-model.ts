import { createHash } from 'node:crypto'
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gradient, gradientName } from '../autodiff/gradient.ts'
import { Emitter } from '../onnx/emitter.ts'
import type { Graph, Value } from '../onnx/graph.ts'
import { lowerAttention } from '../onnx/lower-attention.ts'
import { encodeGraph } from '../onnx/proto.ts'
import { outputsOf, tidy } from '../onnx/session.ts'
import { simplify } from '../onnx/simplify.ts'

export interface GradientModelOptions {
  /** The dims of every input while learning. */
  readonly inputDims: Readonly<Record<string, readonly number[]>>
  /** Names of the inputs to differentiate by. */
  readonly by: readonly string[]
  readonly loss: Loss
  readonly cacheFolder?: string
}

/**
 * What is differentiated; n is the batch, i a sample.
 * - `weighted-mse`: lossᵢ = Σⱼ weightᵢⱼ·(outputᵢⱼ − targetᵢⱼ)². Further inputs `target` and `weight`, as large as the output.
 * - `cotangent`: the gradient by each output is fed as `cotangent:<output>`.
 */
export type Loss =
  | { readonly kind: 'weighted-mse'; readonly output: string }
  | { readonly kind: 'cotangent'; readonly outputs: readonly string[] }

export const lossName = 'loss'

export const lossOutputs = (loss: Loss): readonly string[] => (loss.kind === 'cotangent' ? loss.outputs : [loss.output])

/** The names in `by`, and what the gradient by each is called in the gradient model. */
export const gradientNames = ({ by }: GradientModelOptions): [by: string, name: string][] =>
  by.map((name) => [name, result(name)])

const result = (name: string) => `gradient of the loss by ${name}`

/**
 * The model that computes outputs, loss and gradients of `graph`, from the cache if it was built before: the key covers
 * the graph, where its weights lie, sizes, options, and the code that builds it. References are relative to `folder`.
 */
export async function buildGradientModel(
  graph: Graph,
  folder: string,
  options: GradientModelOptions,
): Promise<Uint8Array> {
  const { cacheFolder, inputDims, by, loss } = options
  if (!cacheFolder) return encodeGraph(await gradientGraph(graph, options), folder)
  const key = createHash('sha256')
    .update(encodeGraph(graph, folder))
    .update(JSON.stringify([inputDims, by, loss]))
  const path = join(
    cacheFolder,
    `${key
      .update(await ownCode())
      .digest('hex')
      .slice(0, 32)}.gradient.onnx`,
  )
  const cached = await readFile(path).catch(() => undefined)
  if (cached) return cached
  const built = encodeGraph(await gradientGraph(graph, options), folder)
  await mkdir(cacheFolder, { recursive: true })
  await writeFile(`${path}.${process.pid}`, built)
  await rename(`${path}.${process.pid}`, path)
  return built
}

async function gradientGraph(graph: Graph, { inputDims, by, loss }: GradientModelOptions): Promise<Graph> {
  const outputs = lossOutputs(loss)
  for (const name of outputs) {
    if (!graph.outputs.includes(name)) throw new TypeError(`Expected one of the outputs ${graph.outputs}, got ${name}`)
  }
  const simple = lowerAttention(await simplify({ ...graph, outputs }, inputDims, { tidy, outputsOf }))
  const { graph: withLoss, cotangents, scale } = appendLoss(simple, loss)
  const differentiated = gradient(withLoss, { by, cotangents })
  const emit = new Emitter(differentiated, 'result/')
  for (const name of by) {
    const value = emit.cast(differentiated.values.get(gradientName(name)) as Value, 'float32')
    emit.node('Mul', [value, emit.constant('float32', [], [1 / scale])], value.dims, { name: result(name) })
  }
  return emit.graph([...withLoss.outputs, ...by.map(result)])
}

/**
 * Half floats underflow in a backward pass, so it runs on a loss that is scaled up. Loss and cotangents are float32
 * whatever the model computes in.
 */
function appendLoss(graph: Graph, loss: Loss): { graph: Graph; cotangents: Record<string, string>; scale: number } {
  const outputs = lossOutputs(loss).map((name) => graph.values.get(name) as Value)
  const scale = outputs.some(({ type }) => type === 'float16') ? 1024 : 1
  const input = (name: string, { dims }: Value): Value => ({ name, type: 'float32', dims })
  const extra =
    loss.kind === 'cotangent'
      ? outputs.map((y) => input(`cotangent:${y.name}`, y))
      : ['target', 'weight'].map((name) => input(name, outputs[0]!))
  const emit = new Emitter({ ...graph, inputs: [...graph.inputs, ...extra] }, 'loss/')
  const scaled = (cotangent: Value, y: Value, factor: number) =>
    emit.cast(factor === 1 ? cotangent : emit.mul(cotangent, factor), y.type).name
  if (loss.kind === 'cotangent') {
    const cotangents = Object.fromEntries(outputs.map((y, index) => [y.name, scaled(extra[index]!, y, scale)]))
    return { graph: emit.graph(), cotangents, scale }
  }
  const [y, target, weight] = [outputs[0]!, extra[0]!, extra[1]!]
  const difference = emit.sub(emit.cast(y, 'float32'), target)
  const weighted = emit.mul(weight, difference)
  const perSample = emit.sum(
    emit.mul(weighted, difference),
    y.dims.flatMap((_, axis) => (axis > 0 ? [axis] : [])),
  )
  emit.node('Reshape', [perSample, emit.integers([y.dims[0]!])], [y.dims[0]!], { name: lossName })
  const cotangent = scaled(weighted, y, 2 * scale)
  return { graph: emit.graph([...graph.outputs, lossName]), cotangents: { [y.name]: cotangent }, scale }
}

/** A digest of what builds gradient graphs: another version of the code never reads this one's cache. */
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
