import type { Graph } from '../onnx/graph.ts'
import { type Flow, GraphBuilder } from './builder.ts'
import { convolution } from './convolution.ts'
import { addedStream, jointAttention, ownStream } from './joint-attention.ts'
import { activate, add, feedForward, linear, reshape, transpose } from './layers.ts'
import { gated, modulated, modulatedLast, told } from './modulation.ts'
import { type Tensors, viewed } from './tensors.ts'
import { embedding, sinusoids } from './timestep.ts'

/** What the weights don't reveal. */
export interface MmditConfiguration {
  /** The side of the latents. */
  readonly latentSide: number
  /** The number of states of a prompt: CLIP's, then T5's. */
  readonly promptLength: number
  readonly heads: number
}

/**
 * The transformer of Stable Diffusion 3 and 3.5 (MMDiT of arXiv 2403.03206; diffusers' SD3Transformer2DModel):
 * `hidden_states` [n, channels, side, side], `encoder_hidden_states` [n, length, width], `pooled_projections` [n, width],
 * `timestep` [n] → `out_hidden_states`, as the first.
 * @throws UserError if the tensors don't belong to such a network
 */
export function mmdit(
  tensors: Tensors,
  { latentSide, promptLength, heads }: MmditConfiguration,
  type: 'float32' | 'float16' = 'float32',
): Graph {
  const build = new GraphBuilder('The transformer', tensors, type)
  const [, channels = 0, patch = 1] = build.tensor('pos_embed.proj.weight').dims
  const sample = build.input('hidden_states', [channels, latentSide, latentSide])
  const states = build.input('encoder_hidden_states', [promptLength, build.tensor('context_embedder.weight').dims[1]!])
  const time = timeOf(build)
  let streams: Streams = { picture: patches(build, sample, patch), prompt: linear(build, states, 'context_embedder') }
  const blocks = build.count('transformer_blocks')
  for (let index = 0; index < blocks; index++) {
    streams = block(build, streams, `transformer_blocks.${index}`, { time, heads, isLast: index === blocks - 1 })
  }
  const last = modulatedLast(build, streams.picture, time, 'norm_out.linear')
  const out = linear(build, last, 'proj_out')
  const count = latentSide / patch
  const colours = out.dims[1]! / patch ** 2
  const pieces = reshape(build, out, [count, count, patch, patch, colours])
  build.output(
    'out_hidden_states',
    reshape(build, transpose(build, pieces, [4, 0, 2, 1, 3]), [colours, latentSide, latentSide]),
  )
  return build.graph()
}

interface Streams {
  /** [patches, width] */
  readonly picture: Flow
  /** [length, width] */
  readonly prompt: Flow
}

/** The latents in patches, each told its place: the middle of a larger square of places. */
function patches(build: GraphBuilder, sample: Flow, patch: number): Flow {
  const seen = convolution(build, sample, 'pos_embed.proj', { stride: patch, pads: [0, 0, 0, 0] })
  const [width, rows, columns] = seen.dims as [number, number, number]
  const tokens = transpose(build, reshape(build, seen, [width, rows * columns]), [1, 0])
  const places = build.tensor('pos_embed.pos_embed')
  const most = Math.sqrt(places.dims[1] ?? 0)
  if (!Number.isInteger(most) || most < rows)
    build.refuse(`knows ${places.dims[1]} places where ${rows * columns} are needed`)
  const square = build.weight('places', viewed(places, [most, most, width], 'pos_embed.pos_embed'))
  const [from, to] = [Math.floor((most - rows) / 2), Math.floor((most - rows) / 2) + rows]
  const bounds = [
    [from, from],
    [to, to],
    [0, 1],
  ].map((each) => build.integers(each))
  const middle = build.node('Slice', [square, ...bounds], [])
  const own = build.node('Reshape', [middle.name, build.integers([rows * columns, width])], tokens.dims)
  return add(build, tokens, own)
}

/** The embedding of the timestep and of the pooled prompt: [width], activated. */
function timeOf(build: GraphBuilder): Flow {
  const waves = build.tensor('time_text_embed.timestep_embedder.linear_1.weight').dims[1]!
  const pooled = build.tensor('time_text_embed.text_embedder.linear_1.weight').dims[1]!
  const prompt = embedding(build, build.input('pooled_projections', [pooled]), 'time_text_embed.text_embedder')
  const timestep = { ...build.input('timestep', [], 'float32'), dims: [1] }
  const time = embedding(build, sinusoids(build, timestep, waves), 'time_text_embed.timestep_embedder')
  return activate(build, add(build, time, prompt), 'silu')
}

interface BlockOptions {
  readonly time: Flow
  readonly heads: number
  /** The prompt is read in it for the last time. */
  readonly isLast: boolean
}

function block(build: GraphBuilder, { picture, prompt }: Streams, name: string, options: BlockOptions): Streams {
  const { time, heads, isLast } = options
  const own = told(build, time, `${name}.norm1.linear`)
  const ofPrompt = isLast ? [] : told(build, time, `${name}.norm1_context.linear`)
  const seen = modulated(build, picture, own)
  const read = isLast
    ? modulatedLast(build, prompt, time, `${name}.norm1_context.linear`)
    : modulated(build, prompt, ofPrompt)
  const attended = jointAttention(build, [ownStream(seen, `${name}.attn`), addedStream(read, `${name}.attn`)], {
    heads,
  })
  let made = gated(build, picture, own[2], linear(build, attended[0]!, `${name}.attn.to_out.0`))
  if (build.has(`${name}.attn2.to_q.weight`)) {
    const again = modulated(build, picture, own.slice(6))
    const [alone] = jointAttention(build, [ownStream(again, `${name}.attn2`)], { heads })
    made = gated(build, made, own[8], linear(build, alone!, `${name}.attn2.to_out.0`))
  }
  made = gated(build, made, own[5], feedForward(build, modulated(build, made, own.slice(3)), `${name}.ff`))
  if (isLast) return { picture: made, prompt }
  const first = gated(build, prompt, ofPrompt[2], linear(build, attended[1]!, `${name}.attn.to_add_out`))
  const wide = feedForward(build, modulated(build, first, ofPrompt.slice(3)), `${name}.ff_context`)
  return { picture: made, prompt: gated(build, first, ofPrompt[5], wide) }
}
