import type { ClipTextConfiguration } from '../architectures/clip-text.ts'
import type { ClipVisionConfiguration } from '../architectures/clip-vision.ts'
import type { FluxConfiguration } from '../architectures/flux.ts'
import type { Activation } from '../architectures/layers.ts'
import type { MmditConfiguration } from '../architectures/mmdit.ts'
import type { T5Configuration } from '../architectures/t5.ts'
import type { Tensors } from '../architectures/tensors.ts'
import type { UnetConfiguration } from '../architectures/unet.ts'
import { UserError } from '../errors.ts'

/** The content of a part's config.json. */
export type PartConfig = Readonly<Record<string, unknown>>

/** A part of a model whose weights are a checkpoint's. */
export interface StoredPart {
  readonly tensors: Tensors
  readonly config: PartConfig
}

/** A whole model in one file. */
export interface Checkpoint {
  readonly denoiser: StoredPart
  readonly vae: StoredPart
  readonly text_encoder: StoredPart
  /** CLIP, or FLUX's T5. */
  readonly text_encoder_2?: StoredPart
  /** T5 of Stable Diffusion 3. */
  readonly text_encoder_3?: StoredPart
  /** The fields of a scheduler_config.json. */
  readonly scheduler: PartConfig
  /** The padding of a prompt, for each text encoder. */
  readonly padding: readonly ('end' | '!')[]
}

/**
 * What a UNet2DConditionModel's configuration adds to its weights.
 * @throws UserError if its form is not supported
 */
export function unetConfiguration(
  { config }: StoredPart,
  sizes: Pick<UnetConfiguration, 'latentSide' | 'promptLength'>,
): UnetConfiguration {
  for (const [name, usual] of Object.entries(USUAL_UNET)) {
    const value = config[name]
    if (value !== undefined && value !== null && value !== usual) throw strange(name, value)
  }
  const { down_block_types: levels = [], norm_num_groups: groups = 32, norm_eps: epsilon = 1e-5 } = config
  const count = Array.isArray(levels) ? levels.length : 0
  // Whatever its name says, it is the number of heads.
  const stated = config.num_attention_heads ?? config.attention_head_dim ?? 8
  const heads = Array.isArray(stated) ? stated : Array(count).fill(stated)
  const { addition_time_embed_dim: sizeWaves } = config
  return {
    ...sizes,
    heads: heads.map((each) => wholeNumber('attention_head_dim', each)),
    groups: wholeNumber('norm_num_groups', groups),
    epsilon: number('norm_eps', epsilon),
    sizeWaves: wholeNumber('addition_time_embed_dim', sizeWaves ?? 256),
  }
}

const USUAL_UNET: PartConfig = {
  act_fn: 'silu',
  center_input_sample: false,
  class_embed_type: false,
  downsample_padding: 1,
  dual_cross_attention: false,
  encoder_hid_dim: false,
  flip_sin_to_cos: true,
  freq_shift: 0,
  mid_block_scale_factor: 1,
  mid_block_type: 'UNetMidBlock2DCrossAttn',
  only_cross_attention: false,
  resnet_out_scale_factor: 1,
  resnet_skip_time_act: false,
  resnet_time_scale_shift: 'default',
  time_embedding_type: 'positional',
  timestep_post_act: false,
  conv_in_kernel: 3,
  conv_out_kernel: 3,
}

/** Of an SD3Transformer2DModel. @throws UserError */
export function mmditConfiguration(
  { config }: StoredPart,
  sizes: Pick<MmditConfiguration, 'latentSide' | 'promptLength'>,
): MmditConfiguration {
  const { qk_norm: norm } = config
  if (norm !== undefined && norm !== null && norm !== 'rms_norm') throw strange('qk_norm', norm)
  return { ...sizes, heads: wholeNumber('num_attention_heads', config.num_attention_heads ?? 18) }
}

/** Of a FluxTransformer2DModel. @throws UserError */
export function fluxConfiguration(
  { config }: StoredPart,
  sizes: Pick<FluxConfiguration, 'latentSide' | 'promptLength'>,
): FluxConfiguration {
  const { num_attention_heads: heads = 24, axes_dims_rope: axes = [16, 56, 56], patch_size: patch = 1 } = config
  if (!Array.isArray(axes) || axes.length !== 3) throw strange('axes_dims_rope', axes)
  if (patch !== 1) throw strange('patch_size', patch)
  return {
    ...sizes,
    heads: wholeNumber('num_attention_heads', heads),
    axes: axes.map((each) => 2 * wholeNumber('axes_dims_rope', each / 2)),
  }
}

/** Of a T5EncoderModel, version 1.1. @throws UserError */
export function t5Configuration({ config }: StoredPart, length: number): T5Configuration {
  const { feed_forward_proj: kind = 'gated-gelu', num_heads: heads = 64, layer_norm_epsilon: epsilon = 1e-6 } = config
  if (kind !== 'gated-gelu') throw strange('feed_forward_proj', kind)
  return {
    length,
    heads: wholeNumber('num_heads', heads),
    epsilon: number('layer_norm_epsilon', epsilon),
    farthest: wholeNumber('relative_attention_max_distance', config.relative_attention_max_distance ?? 128),
  }
}

/** Of a CLIPTextModel. @throws UserError */
export function clipTextConfiguration({ config }: StoredPart): ClipTextConfiguration {
  const {
    num_attention_heads: heads = 8,
    hidden_act: activation = 'quick_gelu',
    layer_norm_eps: epsilon = 1e-5,
  } = config
  const end = config.eos_token_id
  return {
    heads: wholeNumber('num_attention_heads', heads),
    activation: activationOf(activation),
    epsilon: number('layer_norm_eps', epsilon),
    // Old configurations say 2, which is no end token: the largest id is used then.
    ...(typeof end === 'number' && end !== 2 && { end }),
  }
}

/** Of a CLIP's vision_config, whose usual values are left out. @throws UserError */
export function clipVisionConfiguration({ config }: StoredPart): ClipVisionConfiguration {
  const {
    num_attention_heads: heads = 12,
    hidden_act: activation = 'quick_gelu',
    layer_norm_eps: epsilon = 1e-5,
  } = config
  return {
    heads: wholeNumber('num_attention_heads', heads),
    activation: activationOf(activation),
    epsilon: number('layer_norm_eps', epsilon),
    side: wholeNumber('image_size', config.image_size ?? 224),
  }
}

/** The groups of an AutoencoderKL's norms. @throws UserError */
export function vaeGroups({ config }: StoredPart): number {
  return wholeNumber('norm_num_groups', config.norm_num_groups ?? 32)
}

function activationOf(name: unknown): Activation {
  if (name === 'gelu' || name === 'quick_gelu') return name
  throw strange('hidden_act', name)
}

function wholeNumber(name: string, value: unknown): number {
  if (Number.isSafeInteger(value) && (value as number) > 0) return value as number
  throw strange(name, value)
}

function number(name: string, value: unknown): number {
  if (typeof value === 'number' && value > 0) return value
  throw strange(name, value)
}

const strange = (name: string, value: unknown) =>
  new UserError(`The model’s config.json says ${name}: ${JSON.stringify(value) ?? 'nothing'}, which is not known here.`)
