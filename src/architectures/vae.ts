import type { Graph } from '../onnx/graph.ts'
import { attention, attentionNames } from './attention.ts'
import { type Flow, GraphBuilder } from './builder.ts'
import { convolution } from './convolution.ts'
import { activate, add, groupNorm, reshape, transpose, twice } from './layers.ts'
import { type Norms, residual } from './residual.ts'
import type { Tensors } from './tensors.ts'

interface VaeConfiguration {
  /** The side of the input: of a picture for the encoder, of the latents for the decoder. */
  readonly side: number
  /** The groups of the group norms. */
  readonly groups: number
}

/**
 * The encoder of diffusers' AutoencoderKL: `sample` [n, 3, side, side] → `latent_parameters`, mean and log-variance [n,
 * 2 · channels, side ÷ 8, side ÷ 8].
 * @throws UserError if the tensors don't belong to an autoencoder
 */
export function vaeEncoder(
  tensors: Tensors,
  { side, groups }: VaeConfiguration,
  type: 'float32' | 'float16' = 'float32',
): Graph {
  const build = new GraphBuilder('The autoencoder', partOf(tensors, /^(encoder|quant_conv)\./), type)
  const norms = { groups, epsilon: EPSILON }
  const colours = build.tensor('encoder.conv_in.weight').dims[1]!
  let x = convolution(build, build.input('sample', [colours, side, side]), 'encoder.conv_in')
  for (let level = 0; level < build.count('encoder.down_blocks'); level++) {
    const name = `encoder.down_blocks.${level}`
    x = residuals(build, x, name, norms)
    // Zeros only at the bottom and on the right.
    const options = { stride: 2, pads: [0, 0, 1, 1] } as const
    if (build.has(`${name}.downsamplers.0.conv.weight`))
      x = convolution(build, x, `${name}.downsamplers.0.conv`, options)
  }
  x = ending(build, middle(build, x, 'encoder.mid_block', norms), 'encoder', norms)
  build.output('latent_parameters', build.has('quant_conv.weight') ? convolution(build, x, 'quant_conv') : x)
  return build.graph()
}

/** Its decoder: `latent_sample` [n, channels, side, side] → `sample` [n, 3, 8 · side, 8 · side]. @throws UserError */
export function vaeDecoder(
  tensors: Tensors,
  { side, groups }: VaeConfiguration,
  type: 'float32' | 'float16' = 'float32',
): Graph {
  const build = new GraphBuilder('The autoencoder', partOf(tensors, /^(decoder|post_quant_conv)\./), type)
  const norms = { groups, epsilon: EPSILON }
  const first = build.has('post_quant_conv.weight') ? 'post_quant_conv' : 'decoder.conv_in'
  let x = build.input('latent_sample', [build.tensor(`${first}.weight`).dims[1]!, side, side])
  if (first === 'post_quant_conv') x = convolution(build, x, first)
  x = middle(build, convolution(build, x, 'decoder.conv_in'), 'decoder.mid_block', norms)
  for (let level = 0; level < build.count('decoder.up_blocks'); level++) {
    const name = `decoder.up_blocks.${level}`
    x = residuals(build, x, name, norms)
    if (build.has(`${name}.upsamplers.0.conv.weight`))
      x = convolution(build, twice(build, x), `${name}.upsamplers.0.conv`)
  }
  build.output('sample', ending(build, x, 'decoder', norms))
  return build.graph()
}

/** The ε of all norms, whatever its configuration says. */
const EPSILON = 1e-6

const partOf = (tensors: Tensors, names: RegExp): Tensors => new Map([...tensors].filter(([name]) => names.test(name)))

function residuals(build: GraphBuilder, x: Flow, name: string, norms: Norms): Flow {
  const count = build.count(`${name}.resnets`)
  return Array.from({ length: count }).reduce<Flow>(
    (inner, _, index) => residual(build, inner, `${name}.resnets.${index}`, norms),
    x,
  )
}

/** x: [channels, height, width]. Every pixel attends to every other, with one head. */
function middle(build: GraphBuilder, x: Flow, name: string, norms: Norms): Flow {
  const [channels, height, width] = x.dims as [number, number, number]
  const first = residual(build, x, `${name}.resnets.0`, norms)
  const normed = groupNorm(build, first, `${name}.attentions.0.group_norm`, norms.groups, norms.epsilon)
  const tokens = transpose(build, reshape(build, normed, [channels, height * width]), [1, 0])
  const seen = attention(build, tokens, attentionNames(`${name}.attentions.0`), { heads: 1 })
  const whole = add(build, first, reshape(build, transpose(build, seen, [1, 0]), first.dims))
  return residual(build, whole, `${name}.resnets.1`, norms)
}

const ending = (build: GraphBuilder, x: Flow, name: string, { groups, epsilon }: Norms): Flow =>
  convolution(
    build,
    activate(build, groupNorm(build, x, `${name}.conv_norm_out`, groups, epsilon), 'silu'),
    `${name}.conv_out`,
  )
