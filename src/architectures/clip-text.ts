import type { Graph } from '../onnx/graph.ts'
import { type Flow, GraphBuilder } from './builder.ts'
import { type ClipConfiguration, clipLayer } from './clip-layers.ts'
import { layerNorm, linear, reshape } from './layers.ts'
import type { Tensors } from './tensors.ts'

export interface ClipTextConfiguration extends ClipConfiguration {
  /** The id of the end token. @default the largest id of a prompt, as CLIP's own vocabulary has it */
  readonly end?: number
}

/**
 * CLIP's text encoder: `input_ids` [n, length] → `last_hidden_state` [n, length, width], `hidden_states.N` of the last
 * two layers, `pooler_output` [n, width], and with a projection `text_embeds`.
 * @throws UserError if the tensors don't belong to such an encoder
 */
export function clipText(
  tensors: Tensors,
  configuration: ClipTextConfiguration,
  type: 'float32' | 'float16' = 'float32',
): Graph {
  const build = new GraphBuilder('The text encoder', withoutPrefix(tensors), type)
  const { epsilon, end } = configuration
  const positions = build.tensor('embeddings.position_embedding.weight')
  const [length, width] = positions.dims as [number, number]
  const ids = build.input('input_ids', [length], 'int64')
  const table = build.weight('token_embedding', build.tensor('embeddings.token_embedding.weight'))
  const looked = build.node('Gather', [table, ids.name], [length, width], { axis: 0n })
  let x = build.node('Add', [looked.name, build.weight('position_embedding', positions)], looked.dims)
  const mask = causalMask(build, length)
  const layers = build.count('encoder.layers')
  for (let layer = 0; layer < layers; layer++) {
    if (layer === layers - 1) build.output(`hidden_states.${layer}`, x)
    x = clipLayer(build, x, `encoder.layers.${layer}`, configuration, mask)
  }
  build.output(`hidden_states.${layers}`, x)
  const last = layerNorm(build, x, 'final_layer_norm', epsilon)
  build.output('last_hidden_state', last)
  const pooled = atEnd(build, last, ids, end)
  build.output('pooler_output', pooled)
  if (build.has('text_projection.weight')) build.output('text_embeds', linear(build, pooled, 'text_projection'))
  return build.graph()
}

/** transformers puts `text_model.` before most names, or leaves it out, depending on its version. */
function withoutPrefix(tensors: Tensors): Tensors {
  return new Map([...tensors].map(([name, tensor]) => [name.replace(/^text_model\./, ''), tensor]))
}

/** No token sees those after it: [length, length], whose exp is 0. */
function causalMask(build: GraphBuilder, length: number): string {
  const numbers = Array.from({ length: length * length }, (_, index) =>
    index % length > Math.floor(index / length) ? HIDDEN : 0,
  )
  return build.numbers([length, length], numbers)
}

/** Within the range of half precision, and far below any score. */
const HIDDEN = -32768

/** The row of the first end token, [width]: a row of ones and zeros times the states. */
function atEnd(build: GraphBuilder, states: Flow, ids: Flow, end: number | undefined): Flow {
  const [length, width] = states.dims as [number, number]
  const isEnd = end === undefined ? ids : build.node('Equal', [ids.name, build.numbers([], [end], 'int64')], [length])
  const ranked = end === undefined ? ids : build.node('Cast', [isEnd.name], [length], { to: 6n })
  const position = build.node('ArgMax', [ranked.name], [1], { axis: 1n, keepdims: 1n })
  const positions = build.numbers(
    [length],
    Array.from({ length }, (_, index) => index),
    'int64',
  )
  const found = build.node('Equal', [position.name, positions], [length])
  const selection = build.own(build.node('Cast', [found.name], [length], { to: 1n }))
  const row = build.node('MatMul', [reshape(build, selection, [1, length]).name, states.name], [1, width])
  return reshape(build, row, [width])
}
