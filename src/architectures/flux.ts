import type { Graph } from '../onnx/graph.ts'
import { type Flow, GraphBuilder } from './builder.ts'
import { addedStream, jointAttention, ownStream } from './joint-attention.ts'
import { activate, add, concatenate, feedForward, linear, multiply, slice } from './layers.ts'
import { gated, modulated, modulatedLast, told } from './modulation.ts'
import type { Tensors } from './tensors.ts'
import { embedding, sinusoids } from './timestep.ts'

/** What the weights don't reveal. */
export interface FluxConfiguration {
  /** The side of the latents. */
  readonly latentSide: number
  /** The number of T5's states of a prompt. */
  readonly promptLength: number
  readonly heads: number
  /** How many of a head's numbers tell of each axis of a place: always 0, row, column. */
  readonly axes: readonly number[]
}

/**
 * The transformer of FLUX.1 (diffusers' FluxTransformer2DModel): `hidden_states` [n, patches, 4 · channels],
 * `encoder_hidden_states` [n, length, width], `pooled_projections` [n, width], `timestep` [n] from 0 to 1, and if it is told
 * of it `guidance` [n] → `out_hidden_states`, as the first. Places are fixed: the picture's are square, the prompt's all 0.
 * @throws UserError if the tensors don't belong to such a network
 */
export function flux(
  tensors: Tensors,
  configuration: FluxConfiguration,
  type: 'float32' | 'float16' = 'float32',
): Graph {
  const build = new GraphBuilder('The transformer', tensors, type)
  const { latentSide, promptLength, heads } = configuration
  const count = (latentSide / 2) ** 2
  const latents = build.input('hidden_states', [count, build.tensor('x_embedder.weight').dims[1]!])
  const states = build.input('encoder_hidden_states', [promptLength, build.tensor('context_embedder.weight').dims[1]!])
  const time = timeOf(build)
  const rotate = rotation(build, configuration)
  let picture = linear(build, latents, 'x_embedder')
  let prompt = linear(build, states, 'context_embedder')
  for (let index = 0; index < build.count('transformer_blocks'); index++) {
    const name = `transformer_blocks.${index}`
    const [ofPicture, ofPrompt] = ['norm1', 'norm1_context'].map((norm) =>
      told(build, time, `${name}.${norm}.linear`),
    ) as [Flow[], Flow[]]
    const streams = [
      addedStream(modulated(build, prompt, ofPrompt), `${name}.attn`),
      ownStream(modulated(build, picture, ofPicture), `${name}.attn`),
    ]
    const [fromPrompt, fromPicture] = jointAttention(build, streams, { heads, rotate })
    const moved = (x: Flow, seen: Flow, rows: readonly Flow[], ff: string) => {
      const first = gated(build, x, rows[2], seen)
      return gated(build, first, rows[5], feedForward(build, modulated(build, first, rows.slice(3)), `${name}.${ff}`))
    }
    picture = moved(picture, linear(build, fromPicture!, `${name}.attn.to_out.0`), ofPicture, 'ff')
    prompt = moved(prompt, linear(build, fromPrompt!, `${name}.attn.to_add_out`), ofPrompt, 'ff_context')
  }
  let both = concatenate(build, [prompt, picture], 0)
  for (let index = 0; index < build.count('single_transformer_blocks'); index++) {
    const name = `single_transformer_blocks.${index}`
    const rows = told(build, time, `${name}.norm.linear`)
    const seen = modulated(build, both, rows)
    const [attended] = jointAttention(build, [ownStream(seen, `${name}.attn`)], { heads, rotate })
    const beside = activate(build, linear(build, seen, `${name}.proj_mlp`), 'gelu_tanh')
    both = gated(build, both, rows[2], linear(build, concatenate(build, [attended!, beside], 1), `${name}.proj_out`))
  }
  picture = slice(build, both, 0, [promptLength, promptLength + count])
  build.output('out_hidden_states', linear(build, modulatedLast(build, picture, time, 'norm_out.linear'), 'proj_out'))
  return build.graph()
}

/** The embedding of the timestep, the pooled prompt and the guidance: [width], activated. */
function timeOf(build: GraphBuilder): Flow {
  const name = (of: string) => `time_text_embed.${of}_embedder`
  const pooled = build.tensor(`${name('text')}.linear_1.weight`).dims[1]!
  let time = embedding(build, build.input('pooled_projections', [pooled]), name('text'))
  for (const [input, of] of [
    ['timestep', 'timestep'],
    ['guidance', 'guidance'],
  ] as const) {
    if (input === 'guidance' && !build.has(`${name(of)}.linear_1.weight`)) continue
    const asked = { ...build.input(input, [], 'float32'), dims: [1] }
    const thousandfold = build.node('Mul', [asked.name, build.numbers([], [1000], 'float32')], [1])
    const waves = sinusoids(build, thousandfold, build.tensor(`${name(of)}.linear_1.weight`).dims[1]!)
    time = add(build, time, embedding(build, waves, name(of)))
  }
  return activate(build, time, 'silu')
}

/**
 * RoPE of arXiv 2104.09864 on several axes: pairs of numbers are turned by angles that grow with the place. First numbers
 * of all pairs come before second ones in the result, which makes no difference to the product of queries and keys.
 */
function rotation(build: GraphBuilder, { latentSide, promptLength, axes }: FluxConfiguration) {
  const side = latentSide / 2
  const places = [
    ...Array.from({ length: promptLength }, () => [0, 0, 0]),
    ...Array.from({ length: side ** 2 }, (_, index) => [0, Math.floor(index / side), index % side]),
  ]
  const angles = places.flatMap((place) =>
    axes.flatMap((size, axis) =>
      Array.from({ length: size / 2 }, (_, pair) => place[axis]! * 10000 ** ((-2 * pair) / size)),
    ),
  )
  const half = axes.reduce((sum, size) => sum + size, 0) / 2
  const dims = [places.length, 1, half]
  const [cosines, sines] = [Math.cos, Math.sin].map((wave): Flow => {
    return { name: build.numbers(dims, angles.map(wave)), dims }
  }) as [Flow, Flow]
  return (x: Flow): Flow => {
    const width = x.dims[2]!
    if (width !== 2 * half) build.refuse(`has heads of ${width} numbers, whose places have ${2 * half}`)
    const [first, second] = [0, 1].map((from) => slice(build, x, 2, [from, width, 2])) as [Flow, Flow]
    const turned = build.node(
      'Sub',
      [multiply(build, first, cosines).name, multiply(build, second, sines).name],
      first.dims,
    )
    const other = add(build, multiply(build, second, cosines), multiply(build, first, sines))
    return concatenate(build, [turned, other], 2)
  }
}
