import { rowsOf, type StoredTensor, type Tensors } from '../architectures/tensors.ts'
import { blocksPerLevel, unetNames, vaeName } from './original-names.ts'

/** The networks in a single file, each by its tensors' names in diffusers and transformers. */
export interface SingleFile {
  readonly unet?: Tensors
  readonly vae?: Tensors
  /** OpenAI's CLIP. */
  readonly clip?: Tensors
  /** OpenCLIP's: the second one of SDXL and Stable Diffusion 3, the only one of Stable Diffusion 2. */
  readonly openClip?: Tensors
  readonly t5?: Tensors
}

/** Where ComfyUI puts the text encoders of a transformer, under the names of transformers. */
export const ENCODERS = {
  clip: 'text_encoders.clip_l.transformer.',
  openClip: 'text_encoders.clip_g.transformer.',
  t5: 'text_encoders.t5xxl.transformer.',
} as const

/** Where the autoencoder of FLUX.1 is. */
export const VAE = 'vae.'

/**
 * Splits a checkpoint in Stability AI's original form, which fine-tunes on Civitai, A1111 and ComfyUI share. Nothing is
 * copied: tensors are views. What is not needed (moving averages, schedules) is left out.
 */
export function takeApart(tensors: Tensors): SingleFile {
  return {
    unet: unetOf(withPrefix(tensors, 'model.diffusion_model.')),
    vae: vaeOf(withPrefix(tensors, 'first_stage_model.', VAE)),
    clip: some(onlyClip(withPrefix(tensors, ...CLIP, ENCODERS.clip))),
    t5: some(onlyT5(withPrefix(tensors, ENCODERS.t5))),
    openClip:
      some(onlyClip(withPrefix(tensors, ENCODERS.openClip))) ??
      openClipOf(withPrefix(tensors, 'conditioner.embedders.1.model.'), true) ??
      openClipOf(withPrefix(tensors, 'cond_stage_model.model.'), false),
  }
}

const CLIP = ['cond_stage_model.transformer.', 'conditioner.embedders.0.transformer.']

/** Without what some programs store with the text encoder. */
const onlyClip = (tensors: Tensors) =>
  only(tensors, /^(text_model|text_projection|embeddings|encoder|final_layer_norm)\./)
const onlyT5 = (tensors: Tensors) => only(tensors, /^(shared|encoder)\./)
const only = (tensors: Tensors, names: RegExp): Tensors => new Map([...tensors].filter(([name]) => names.test(name)))

/** The tensors whose names begin with one of the prefixes, without it. */
export function withPrefix(tensors: Tensors, ...prefixes: string[]): Map<string, StoredTensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]) => {
      const prefix = prefixes.find((each) => name.startsWith(each))
      return prefix ? [[name.slice(prefix.length), tensor] as const] : []
    }),
  )
}

const some = (tensors: Tensors): Tensors | undefined => (tensors.size > 0 ? tensors : undefined)

function unetOf(tensors: Tensors): Tensors | undefined {
  const nameOf = unetNames(blocksPerLevel(tensors))
  return some(new Map([...tensors].map(([name, tensor]) => [nameOf(name), tensor])))
}

function vaeOf(tensors: Tensors): Tensors | undefined {
  const levels = new Set([...tensors.keys()].flatMap((name) => /^decoder\.up\.(\d+)\./.exec(name)?.[1] ?? []))
  const used = [...tensors].filter(([name]) => /^(encoder|decoder|quant_conv|post_quant_conv)\./.test(name))
  return some(new Map(used.map(([name, tensor]) => [vaeName(name, levels.size), tensor])))
}

/** @param isWhole with all layers and the projection; Stable Diffusion 2 has no use for the last one. */
function openClipOf(tensors: Tensors, isWhole: boolean): Tensors | undefined {
  const found = new Map<string, StoredTensor>()
  for (const [name, tensor] of tensors) {
    const block = /^transformer\.resblocks\.(\d+)\.(.*)$/.exec(name)
    if (block) {
      if (!isWhole && Number(block[1]) >= LAYERS_OF_2) continue
      for (const [own, view] of openClipBlock(block[2]!, tensor)) found.set(`encoder.layers.${block[1]}.${own}`, view)
    } else if (name === 'text_projection') {
      if (isWhole) found.set('text_projection.weight', { ...tensor, isTurned: true })
    } else if (name === 'text_projection.weight') {
      // As diffusers' own converter writes it: already transposed.
      if (isWhole) found.set(name, tensor)
    } else if (OPEN_CLIP[name]) {
      found.set(OPEN_CLIP[name], tensor)
    }
  }
  return some(found)
}

/** ViT-H has 24. */
const LAYERS_OF_2 = 23

const OPEN_CLIP: Readonly<Record<string, string>> = {
  'token_embedding.weight': 'embeddings.token_embedding.weight',
  positional_embedding: 'embeddings.position_embedding.weight',
  'ln_final.weight': 'final_layer_norm.weight',
  'ln_final.bias': 'final_layer_norm.bias',
}

/** Queries, keys and values are three parts of one tensor. */
function openClipBlock(name: string, tensor: StoredTensor): [string, StoredTensor][] {
  const joined = /^attn\.in_proj_(weight|bias)$/.exec(name)
  if (!joined)
    return [
      [
        name
          .replace('ln_', 'layer_norm')
          .replace('attn.', 'self_attn.')
          .replace('c_fc', 'fc1')
          .replace('c_proj', 'fc2'),
        tensor,
      ],
    ]
  const third = tensor.dims[0]! / 3
  return ['q', 'k', 'v'].map((which, index) => [
    `self_attn.${which}_proj.${joined[1]}`,
    rowsOf(tensor, index * third, (index + 1) * third),
  ])
}
