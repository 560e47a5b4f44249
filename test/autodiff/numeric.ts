import { expandSlicedAttention, gatherLargeAttention } from '../../src/autodiff/attention.ts'
import { gradient, gradientName } from '../../src/autodiff/gradient.ts'
import type { Graph, Value } from '../../src/onnx/graph.ts'
import { lowerAttention } from '../../src/onnx/lower-attention.ts'
import { encodeGraph } from '../../src/onnx/proto.ts'
import { type Feeds, openSession, outputsOf, tidy } from '../../src/onnx/session.ts'
import { simplify } from '../../src/onnx/simplify.ts'
import { sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts'

export interface Differentiated {
  /** Output dims by name. */
  readonly outputs: Readonly<Record<string, readonly number[]>>
  /** Feeds are the graph's inputs and `cotangent:<output>`. */
  readonly run: (feeds: Feeds) => Promise<{ outputs: Record<string, Tensor>; gradients: Record<string, Tensor> }>
  readonly close: () => Promise<void>
}

/**
 * A graph with its gradient with respect to `by`, opened; every input's dims have to be known. Attention maps over
 * `largestMap` bytes are sliced, into parts of `largestPart`.
 */
export async function differentiate(
  graph: Graph,
  by: readonly string[],
  largestMap?: number,
  largestPart?: number,
): Promise<Differentiated> {
  const inputDims = Object.fromEntries(graph.inputs.map(({ name, dims }) => [name, dims as number[]]))
  const lowered = lowerAttention(await simplify(graph, inputDims, { tidy, outputsOf }))
  const simple = gatherLargeAttention(lowered, largestMap, largestPart)
  const outputs = simple.outputs.map((name) => simple.values.get(name) as Value)
  const cotangents = outputs.map((y) => ({ ...y, name: `cotangent:${y.name}` }))
  const names = Object.fromEntries(outputs.map(({ name }) => [name, `cotangent:${name}`]))
  const withGradient = gradient({ ...simple, inputs: [...simple.inputs, ...cotangents] }, { by, cotangents: names })
  const session = await openSession(encodeGraph(expandSlicedAttention(withGradient)), { threads: 1 })
  return {
    outputs: Object.fromEntries(outputs.map(({ name, dims }) => [name, dims])),
    run: async (feeds) => {
      const results = await session.run(feeds)
      return { outputs: results, gradients: Object.fromEntries(by.map((name) => [name, results[gradientName(name)]!])) }
    },
    close: () => session.close(),
  }
}

/**
 * The largest difference between the gradient and central differences (five points, step 1/32) of Σ cotangent·output,
 * over the largest number in that gradient (if that is not zero).
 */
export async function errorAgainstDifferences(graph: Graph, feeds: Record<string, Tensor>, random: () => number) {
  const by = Object.keys(feeds)
  const differentiated = await differentiate(graph, by)
  const names = Object.keys(differentiated.outputs)
  const cotangents = names.map(
    (name) => [`cotangent:${name}`, randomTensor(differentiated.outputs[name]!, random)] as const,
  )
  const loss = async (changed: Record<string, Tensor>) => {
    const { outputs } = await differentiated.run({ ...changed, ...Object.fromEntries(cotangents) })
    return names.reduce((sum, name, index) => sum + dot(outputs[name]!, cotangents[index]![1]), 0)
  }
  const { gradients } = await differentiated.run({ ...feeds, ...Object.fromEntries(cotangents) })
  let [worst, largest] = [0, 0]
  for (const name of by) {
    const { dims, data } = feeds[name]!
    for (const [index, value] of data.entries()) {
      const at = (step: number) => loss({ ...feeds, [name]: { dims, data: data.with(index, value + step) } })
      const [far, near, step] = [
        (await at(1 / 16)) - (await at(-1 / 16)),
        (await at(1 / 32)) - (await at(-1 / 32)),
        1 / 32,
      ]
      const difference = (8 * near - far) / (12 * step)
      worst = Math.max(worst, Math.abs(gradients[name]!.data[index]! - difference))
      largest = Math.max(largest, Math.abs(difference))
    }
  }
  await differentiated.close()
  return worst / (largest || 1)
}

export const dot = (a: Tensor, b: Tensor): number =>
  a.data.reduce((sum, value, index) => sum + value * b.data[index]!, 0)

/** Between `low` and `high`. */
export function randomTensor(dims: readonly number[], random: () => number, low = -1, high = 1): Tensor {
  return tensor(
    dims,
    Float32Array.from({ length: sizeOf(dims) }, () => low + (high - low) * random()),
  )
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
