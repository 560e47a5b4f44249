import type { Tensors } from '../architectures/tensors.ts'
import { UserError } from '../errors.ts'
import type { Checkpoint, PartConfig } from './configuration.ts'
import { clipConfig, levelsOf, vaeConfig, WIDTH_OF_A_HEAD } from './part-configs.ts'
import { readSafetensorsIndex } from './safetensors.ts'
import { type SingleFile, takeApart } from './single-file.ts'
import { readTransformer, transformerIn } from './transformer-checkpoint.ts'

/** What the network's output is: the noise, or the velocity. */
export type Prediction = 'epsilon' | 'v'

/**
 * Reads a model in one `.safetensors` file. Its tensors' names and shapes and its metadata say what it is; what they
 * leave open is the same for all models of its family.
 * @param prediction For Stable Diffusion 2, whose file doesn't say.
 * @throws UserError if it is of another kind, incomplete, or doesn't say what it predicts
 */
export function readCheckpoint(path: string, prediction?: Prediction): Checkpoint {
  const { tensors, metadata } = readSafetensorsIndex(path)
  const transformer = transformerIn(tensors)
  if (transformer) return readTransformer(path, transformer, tensors)
  const { unet, vae, clip, openClip } = takeApart(tensors)
  if (!unet?.has('conv_in.weight')) throw new UserError(`${path} ${otherKind(tensors)}.`)
  const first = clip ?? openClip
  const missing = [!vae && 'autoencoder', !first && 'text encoder'].filter(Boolean)
  if (!vae || !first || missing.length > 0) {
    throw new UserError(
      `${path} has no ${missing.join(' and no ')}: get the whole model (often called “full” or “with VAE”).`,
    )
  }
  const family = familyOf(path, { unet, clip, openClip })
  const predicts = prediction ?? predictionOf(tensors, metadata) ?? (family === 'sd2' ? undefined : 'epsilon')
  if (!predicts) {
    throw new UserError(
      `${path} is Stable Diffusion 2, and its file does not say what it predicts: write @v behind its path (models for 768 pixels), else @epsilon. \`models check ${path}@epsilon\` finds out.`,
    )
  }
  const isTerminal = tensors.has('ztsnr')
  const latentSide = { sd1: 64, sd2: predicts === 'v' ? 96 : 64, sdxl: 128 }[family]
  return {
    denoiser: { tensors: unet, config: { ...unetConfig(unet, family), sample_size: latentSide } },
    vae: { tensors: vae, config: vaeConfig(vae, LATENT_CHANNELS, [family === 'sdxl' ? 0.13025 : 0.18215]) },
    text_encoder: { tensors: first, config: clipConfig(first, clip ? 'quick_gelu' : 'gelu') },
    ...(clip && openClip && { text_encoder_2: { tensors: openClip, config: clipConfig(openClip, 'gelu') } }),
    scheduler: schedulerConfig(unet, family, predicts, isTerminal),
    padding: family === 'sd2' ? ['!'] : ['end', '!'],
  }
}

type Family = 'sd1' | 'sd2' | 'sdxl'

function familyOf(path: string, { unet, clip, openClip }: SingleFile): Family {
  const channels = unet!.get('conv_in.weight')!.dims[1]
  if (channels !== LATENT_CHANNELS) {
    throw new UserError(
      `${path} takes a picture besides the prompt (its network has ${channels} channels instead of ${LATENT_CHANNELS}): use the plain model that it was made from.`,
    )
  }
  if (unet!.has('add_embedding.linear_1.weight')) {
    if (clip && openClip) return 'sdxl'
    throw new UserError(`${path} is a refiner, or lacks a text encoder: use the whole base model.`)
  }
  return openClip ? 'sd2' : 'sd1'
}

const LATENT_CHANNELS = 4

/** What a file without a UNet is; completes a sentence that begins with its name. */
function otherKind(tensors: Tensors): string {
  const names = [...tensors.keys()]
  const has = (part: RegExp) => names.some((name) => part.test(name))
  if (has(/\blora_|\.lora[._]|hada_|lokr_|dora_scale/))
    return 'is a LoRA: name it behind a model, as in MODEL=model.safetensors+lora.safetensors:0.8'
  if (has(/double_blocks\./)) return 'is a relative of FLUX.1 that is not supported, such as FLUX.2 or Chroma'
  if (has(/^(emb_params|clip_[lg]|string_to_param)/)) return 'is a difference and not a model: apply it with `--diff`'
  if (has(/^(down_blocks|conv_in)\b/)) return 'is one part of a diffusers folder: name the folder'
  if (has(/^(encoder\.(conv_in|down)|decoder\.(conv_in|up)|first_stage_model)\b/))
    return 'is only an autoencoder: get the whole model'
  if (has(/^control_model\.|controlnet/))
    return 'is a ControlNet and not a whole model: use the model that it belongs to'
  if (has(/^text_model\.|^encoder\.block\./)) return 'is only a text encoder: name the model that it belongs to'
  return 'holds no Stable Diffusion and no FLUX.1 under the names that A1111 and ComfyUI use: get the model in that form, or as a diffusers folder'
}

/** The keys by which ComfyUI marks such models, and Stability AI's metadata. */
function predictionOf(tensors: Tensors, metadata: Readonly<Record<string, string>>): Prediction | undefined {
  if (tensors.has('v_pred')) return 'v'
  const said = metadata['modelspec.prediction_type']?.toLowerCase()
  if (said?.startsWith('v')) return 'v'
  return said?.startsWith('eps') ? 'epsilon' : undefined
}

function unetConfig(tensors: Tensors, family: Family): PartConfig {
  const levels = levelsOf(tensors, /^down_blocks\.(\d+)\.resnets\.0\.conv1\.weight$/)
  const heads = levels.map((width) =>
    family === 'sd1' ? HEADS_OF_1 : Math.max(1, Math.floor(width / WIDTH_OF_A_HEAD)),
  )
  return {
    _class_name: 'UNet2DConditionModel',
    in_channels: LATENT_CHANNELS,
    norm_num_groups: 32,
    down_block_types: levels.map(() => 'DownBlock2D'),
    attention_head_dim: heads,
    time_cond_proj_dim: tensors.get('time_embedding.cond_proj.weight')?.dims[1] ?? null,
  }
}

const HEADS_OF_1 = 8

/** As in the family's own repositories; the consistency models' if the network takes guidance as an input. */
function schedulerConfig(tensors: Tensors, family: Family, prediction: Prediction, isTerminal: boolean): PartConfig {
  const kind = { sd1: 'PNDMScheduler', sd2: 'DDIMScheduler', sdxl: 'EulerDiscreteScheduler' }[family]
  const isConsistency = tensors.has('time_embedding.cond_proj.weight')
  return {
    beta_schedule: 'scaled_linear',
    beta_start: 0.00085,
    beta_end: 0.012,
    num_train_timesteps: 1000,
    clip_sample: false,
    set_alpha_to_one: false,
    steps_offset: 1,
    skip_prk_steps: true,
    timestep_spacing: 'leading',
    prediction_type: prediction === 'v' ? 'v_prediction' : 'epsilon',
    _class_name: kind,
    ...(isConsistency && { _class_name: 'LCMScheduler', original_inference_steps: 50, set_alpha_to_one: true }),
    ...(isTerminal && { rescale_betas_zero_snr: true, timestep_spacing: 'trailing' }),
  }
}
