import type { Graph } from '../onnx/graph.ts'
import { mixed } from './attention.ts'
import { type Flow, GraphBuilder } from './builder.ts'
import { activate, add, linear, multiply, rmsNorm } from './layers.ts'
import type { Tensors } from './tensors.ts'

/** What T5's weights don't reveal. */
export interface T5Configuration {
  /** The number of tokens in a text. */
  readonly length: number
  readonly heads: number
  /** The ε of its norms. */
  readonly epsilon: number
  /** Distances from here on are all the same. */
  readonly farthest: number
}

/**
 * T5's encoder, version 1.1 (transformers' T5EncoderModel): `input_ids` [n, length] → `last_hidden_state` [n, length,
 * width]. No token is masked, as in Stable Diffusion 3 and FLUX.1.
 * @throws UserError if the tensors don't belong to such an encoder
 */
export function t5(tensors: Tensors, { length, heads, epsilon, farthest }: T5Configuration): Graph {
  const build = new GraphBuilder('The text encoder T5', withOneTable(tensors), 'float32')
  const words = build.tensor('shared.weight')
  const ids = build.input('input_ids', [length], 'int64')
  let x = build.node('Gather', [build.weight('shared.weight', words), ids.name], [length, words.dims[1]!], { axis: 0n })
  const mask = distances(build, length, heads, farthest)
  for (let index = 0; index < build.count('encoder.block'); index++) {
    const name = `encoder.block.${index}.layer`
    const own = `${name}.0.SelfAttention`
    const read = rmsNorm(build, x, `${name}.0.layer_norm`, epsilon)
    const [queries, keys, values] = ['q', 'k', 'v'].map((each) => linear(build, read, `${own}.${each}`)) as Three
    x = add(build, x, linear(build, mixed(build, { queries, keys, values, heads, mask }), `${own}.o`))
    x = add(
      build,
      x,
      feedForward(build, rmsNorm(build, x, `${name}.1.layer_norm`, epsilon), `${name}.1.DenseReluDense`),
    )
  }
  build.output('last_hidden_state', rmsNorm(build, x, 'encoder.final_layer_norm', epsilon))
  return build.graph()
}

type Three = [Flow, Flow, Flow]

/** transformers stores the table of words once or twice, depending on its version. */
function withOneTable(tensors: Tensors): Tensors {
  const { 'encoder.embed_tokens.weight': copy, ...others } = Object.fromEntries(tensors)
  return new Map(Object.entries({ ...(copy && { 'shared.weight': copy }), ...others }))
}

/** GEGLU: one half of the numbers, gated by the other. */
function feedForward(build: GraphBuilder, x: Flow, name: string): Flow {
  const gate = activate(build, linear(build, x, `${name}.wi_0`), 'gelu_tanh')
  return linear(build, multiply(build, gate, linear(build, x, `${name}.wi_1`)), `${name}.wo`)
}

/** What is added to the scores for the distance of two tokens, learned for groups of distances: [heads, length, length]. */
function distances(build: GraphBuilder, length: number, heads: number, farthest: number): string {
  const name = 'encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight'
  const table = build.tensor(name)
  const [groups = 0, width] = table.dims
  if (width !== heads) build.refuse(`knows distances for ${width} heads where there are ${heads}`)
  const grouped = Array.from({ length: length ** 2 }, (_, at) =>
    groupOf((at % length) - Math.floor(at / length), groups / 2, farthest),
  )
  const places = build.numbers([length, length], grouped, 'int64')
  const found = build.node('Gather', [build.weight(name, table), places], [], { axis: 0n })
  return build.node('Transpose', [found.name], [], { perm: [2n, 0n, 1n] }).name
}

/**
 * Backward and forward have `half` of the groups each: near distances one of their own, others on a logarithmic scale, in the
 * arithmetic of float32.
 */
function groupOf(distance: number, half: number, farthest: number): number {
  const [start, far] = [distance > 0 ? half : 0, Math.abs(distance)]
  const near = half / 2
  if (far < near) return start + far
  const { fround, log } = Math
  const scaled = fround(fround(fround(log(fround(far / near))) / fround(log(farthest / near))) * (half - near))
  return start + Math.min(half - 1, near + Math.floor(scaled))
}
