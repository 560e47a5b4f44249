import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Tensors } from '../architectures/tensors.ts'
import { UserError } from '../errors.ts'
import type { Checkpoint, PartConfig, StoredPart } from './configuration.ts'
import { clipConfig, vaeConfig, WIDTH_OF_A_HEAD } from './part-configs.ts'
import { readSafetensorsIndex } from './safetensors.ts'
import { ENCODERS, takeApart, VAE, withPrefix } from './single-file.ts'
import { fluxTensors, mmditTensors } from './transformer-names.ts'

/** A transformer by its tensors' names in diffusers. */
interface Transformer {
  readonly family: 'sd3' | 'flux'
  readonly tensors: Tensors
}

/** The transformer of Stable Diffusion 3 or FLUX.1 in a single file, with or without ComfyUI's prefix. */
export function transformerIn(tensors: Tensors): Transformer | undefined {
  const prefixed = withPrefix(tensors, 'model.diffusion_model.')
  const own = prefixed.size > 0 ? prefixed : tensors
  if (own.has('joint_blocks.0.x_block.attn.qkv.weight')) return { family: 'sd3', tensors: mmditTensors(own) }
  // Its relatives are told of the timestep in other ways.
  if (own.has('double_blocks.0.img_attn.qkv.weight') && own.has('vector_in.in_layer.weight'))
    return { family: 'flux', tensors: fluxTensors(own) }
  return undefined
}

/**
 * Such a model in one file. Text encoders and autoencoder are often published apart: what the file lacks is taken from
 * files beside it, under the names that ComfyUI's users know.
 * @throws UserError that says what is missing
 */
export function readTransformer(path: string, { family, tensors }: Transformer, all: Tensors): Checkpoint {
  const { vae, clip, openClip, t5 } = withCompanions(path, family, all)
  if (!vae && family === 'sd3') throw new UserError(`${path} has no autoencoder: get the whole model.`)
  const missing = [
    ...(vae ? [] : ['ae.safetensors (the autoencoder)']),
    ...(clip ? [] : ['clip_l.safetensors']),
    ...(openClip || family === 'flux' ? [] : ['clip_g.safetensors']),
    ...(t5 || family === 'sd3' ? [] : ['t5xxl_fp16.safetensors']),
  ]
  if (!vae || !clip || missing.length > 0) {
    throw new UserError(`${path} is a transformer alone: put ${missing.join(' and ')} beside it.`)
  }
  const isSd3 = family === 'sd3'
  const text: StoredPart = { tensors: clip, config: clipConfig(clip, 'quick_gelu') }
  const ofT5 = t5 && { tensors: t5, config: t5Config(t5) }
  const denoiser = isSd3 ? mmditConfig(tensors) : fluxConfig(tensors)
  return {
    denoiser: { tensors, config: denoiser },
    vae: { tensors: vae, config: vaeConfig(vae, LATENT_CHANNELS, isSd3 ? [1.5305, 0.0609] : [0.3611, 0.1159]) },
    text_encoder: text,
    ...(isSd3 && openClip && { text_encoder_2: { tensors: openClip, config: clipConfig(openClip, 'gelu') } }),
    ...(ofT5 && { [isSd3 ? 'text_encoder_3' : 'text_encoder_2']: ofT5 }),
    scheduler: isSd3 || denoiser.guidance_embeds ? { ...FLOW, ...(!isSd3 && SHIFTED) } : { ...FLOW, shift: 1 },
    padding: ['end', '!'],
  }
}

/** Whether a file of that name is a part of a model, and no model. */
export const isCompanion = (name: string): boolean => COMPANIONS.some(([file]) => file.test(name))

const COMPANIONS: readonly (readonly [file: RegExp, part: keyof ReturnType<typeof takeApart>, prefix: string])[] = [
  [/^ae\.safetensors$/, 'vae', VAE],
  [/^clip_l\.safetensors$/, 'clip', ENCODERS.clip],
  [/^clip_g\.safetensors$/, 'openClip', ENCODERS.openClip],
  [/^t5xxl(_fp16|_fp32|_bf16)?\.safetensors$/, 't5', ENCODERS.t5],
]

/** `ae.safetensors` is FLUX's own. */
function withCompanions(path: string, family: Transformer['family'], all: Tensors) {
  const own = takeApart(all)
  const folder = dirname(path)
  const names = readdirSync(folder).sort()
  const added = COMPANIONS.flatMap(([file, part, prefix]) => {
    const isWanted = !own[part] && (part !== 'vae' || family === 'flux')
    const found = isWanted ? names.find((name) => file.test(name)) : undefined
    if (!found) return []
    return [...readSafetensorsIndex(join(folder, found)).tensors].map(
      ([name, tensor]) => [prefix + name, tensor] as const,
    )
  })
  return takeApart(new Map([...all, ...added]))
}

const LATENT_CHANNELS = 16

function mmditConfig(tensors: Tensors): PartConfig {
  const width = tensors.get('pos_embed.proj.weight')?.dims[0] ?? 0
  return {
    _class_name: 'SD3Transformer2DModel',
    num_attention_heads: headsOf(tensors, width, 'transformer_blocks.0.attn.norm_q.weight'),
    joint_attention_dim: tensors.get('context_embedder.weight')?.dims[1],
    sample_size: 128,
  }
}

function fluxConfig(tensors: Tensors): PartConfig {
  const width = tensors.get('x_embedder.weight')?.dims[0] ?? 0
  const heads = headsOf(tensors, width, 'transformer_blocks.0.attn.norm_q.weight')
  const size = width / heads
  return {
    _class_name: 'FluxTransformer2DModel',
    num_attention_heads: heads,
    // 16, 56 and 56 of 128.
    axes_dims_rope: [size / 8, (7 * size) / 16, (7 * size) / 16],
    guidance_embeds: tensors.has('time_text_embed.guidance_embedder.linear_1.weight'),
    joint_attention_dim: tensors.get('context_embedder.weight')?.dims[1],
  }
}

/** The norm of the queries is as wide as a head. */
const headsOf = (tensors: Tensors, width: number, norm: string): number =>
  Math.max(1, Math.floor(width / (tensors.get(norm)?.dims[0] ?? WIDTH_OF_A_HEAD)))

const t5Config = (tensors: Tensors): PartConfig => ({
  model_type: 't5',
  num_heads: tensors.get('encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight')?.dims[1],
})

/** The schedulers of the models' own repositories. */
const FLOW = { _class_name: 'FlowMatchEulerDiscreteScheduler', num_train_timesteps: 1000, shift: 3 }
const SHIFTED = {
  use_dynamic_shifting: true,
  base_image_seq_len: 256,
  max_image_seq_len: 4096,
  base_shift: 0.5,
  max_shift: 1.15,
}
