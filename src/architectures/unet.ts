import type { Graph } from '../onnx/graph.ts'
import { attention, attentionNames } from './attention.ts'
import { type Flow, GraphBuilder } from './builder.ts'
import { convolution } from './convolution.ts'
import {
  activate,
  add,
  concatenate,
  groupNorm,
  layerNorm,
  linear,
  multiply,
  reshape,
  transpose,
  twice,
} from './layers.ts'
import { residual } from './residual.ts'
import type { Tensors } from './tensors.ts'
import { embedding, sinusoids } from './timestep.ts'

/** What the weights don't reveal. */
export interface UnetConfiguration {
  /** The side of the latents. */
  readonly latentSide: number
  /** The number of tokens in a prompt. */
  readonly promptLength: number
  /** The heads of the attention, from the outermost level inward. */
  readonly heads: readonly number[]
  /** The groups of the group norms. */
  readonly groups: number
  /** The ε of the residual blocks' norms and the last one. */
  readonly epsilon: number
  /** SDXL: the size of the sinusoidal embedding of each size input. */
  readonly sizeWaves: number
}

/**
 * The denoising network of Stable Diffusion 1.x, 2.x and XL (diffusers' UNet2DConditionModel): `sample` [n, channels,
 * side, side], `timestep` [n], `encoder_hidden_states` [n, length, width], and if it has them `text_embeds`,
 * `time_ids`, `timestep_cond` → `out_sample`.
 * @throws UserError if the tensors don't belong to such a network
 */
export function unet(
  tensors: Tensors,
  configuration: UnetConfiguration,
  type: 'float32' | 'float16' = 'float32',
): Graph {
  const build = new GraphBuilder('The UNet', tensors, type)
  const { latentSide, promptLength, heads, groups, epsilon } = configuration
  const norms = { groups, epsilon }
  const [channels, taken] = build.tensor('conv_in.weight').dims as [number, number]
  const width = contextWidth(build, tensors)
  const sample = build.input('sample', [taken, latentSide, latentSide])
  const time = timeOf(build, channels, configuration)
  const context = build.input('encoder_hidden_states', [promptLength, width])
  const blocks = (x: Flow, name: string, index: number, count: number): Flow => {
    const own = residual(build, x, `${name}.resnets.${index}`, norms, time)
    const within = `${name}.attentions.${index}`
    return build.has(`${within}.norm.weight`) ? transformer(build, own, within, { context, heads: count, groups }) : own
  }

  let x = convolution(build, sample, 'conv_in')
  const skipped = [x]
  const levels = build.count('down_blocks')
  if (levels !== heads.length) build.refuse(`has ${levels} levels where ${heads.length} are expected`)
  for (let level = 0; level < levels; level++) {
    const name = `down_blocks.${level}`
    for (let index = 0; index < build.count(`${name}.resnets`); index++) {
      x = blocks(x, name, index, heads[level]!)
      skipped.push(x)
    }
    if (!build.has(`${name}.downsamplers.0.conv.weight`)) continue
    x = convolution(build, x, `${name}.downsamplers.0.conv`, { stride: 2 })
    skipped.push(x)
  }
  x = blocks(x, 'mid_block', 0, heads.at(-1)!)
  x = residual(build, x, 'mid_block.resnets.1', norms, time)
  for (let level = 0; level < levels; level++) {
    const name = `up_blocks.${level}`
    for (let index = 0; index < build.count(`${name}.resnets`); index++) {
      const beside = skipped.pop()
      if (beside?.dims[1] !== x.dims[1]) build.refuse(`does not fit together at ${name}.resnets.${index}`)
      x = blocks(concatenate(build, [x, beside!], 0), name, index, heads.at(-1 - level)!)
    }
    if (build.has(`${name}.upsamplers.0.conv.weight`))
      x = convolution(build, twice(build, x), `${name}.upsamplers.0.conv`)
  }
  x = activate(build, groupNorm(build, x, 'conv_norm_out', groups, epsilon), 'silu')
  build.output('out_sample', convolution(build, x, 'conv_out'))
  return build.graph()
}

/** The width of the prompt's states. */
function contextWidth(build: GraphBuilder, tensors: Tensors): number {
  const name = [...tensors.keys()].find((each) => each.endsWith('.attn2.to_k.weight'))
  return name ? build.tensor(name).dims[1]! : build.refuse('reads no prompt')
}

/** The embedding of the timestep and of further inputs: [width], activated. */
function timeOf(build: GraphBuilder, channels: number, { sizeWaves }: UnetConfiguration): Flow {
  const timestep = build.input('timestep', [], 'float32')
  let waves = sinusoids(build, { ...timestep, dims: [1] }, channels)
  if (build.has('time_embedding.cond_proj.weight')) {
    const told = build.input('timestep_cond', [build.tensor('time_embedding.cond_proj.weight').dims[1]!])
    waves = add(build, waves, linear(build, told, 'time_embedding.cond_proj'))
  }
  const time = embedding(build, waves, 'time_embedding')
  if (!build.has('add_embedding.linear_1.weight')) return activate(build, time, 'silu')
  const taken = build.tensor('add_embedding.linear_1.weight').dims[1]!
  const pooled = build.input('text_embeds', [taken - SIZES * sizeWaves])
  const sizes = sinusoids(build, build.input('time_ids', [SIZES], 'float32'), sizeWaves)
  return activate(
    build,
    add(build, time, embedding(build, concatenate(build, [pooled, sizes], 0), 'add_embedding')),
    'silu',
  )
}

/** Original height and width, crop from top and left, target height and width. */
const SIZES = 6

interface TransformerOptions {
  readonly context: Flow
  readonly heads: number
  readonly groups: number
}

/** x: [channels, height, width] */
function transformer(build: GraphBuilder, x: Flow, name: string, { context, heads, groups }: TransformerOptions): Flow {
  const [channels, height, width] = x.dims as [number, number, number]
  const normed = groupNorm(build, x, `${name}.norm`, groups, 1e-6)
  let tokens = linear(
    build,
    transpose(build, reshape(build, normed, [channels, height * width]), [1, 0]),
    `${name}.proj_in`,
  )
  for (let index = 0; index < build.count(`${name}.transformer_blocks`); index++) {
    const block = `${name}.transformer_blocks.${index}`
    const normedBy = (which: string) => layerNorm(build, tokens, `${block}.${which}`)
    tokens = add(build, tokens, attention(build, normedBy('norm1'), attentionNames(`${block}.attn1`), { heads }))
    tokens = add(
      build,
      tokens,
      attention(build, normedBy('norm2'), attentionNames(`${block}.attn2`), { heads, context }),
    )
    tokens = add(build, tokens, feedForward(build, normedBy('norm3'), `${block}.ff`))
  }
  const out = transpose(build, linear(build, tokens, `${name}.proj_out`), [1, 0])
  return add(build, reshape(build, out, x.dims), x)
}

/** GEGLU: one half of the numbers, gated by the other. */
function feedForward(build: GraphBuilder, x: Flow, name: string): Flow {
  const inner = `${name}.net.0.proj`
  const half = build.tensor(`${inner}.weight`).dims[0]! / 2
  const gate = activate(build, linear(build, x, inner, { rows: [half, 2 * half] }), 'gelu')
  return linear(build, multiply(build, linear(build, x, inner, { rows: [0, half] }), gate), `${name}.net.2`)
}
