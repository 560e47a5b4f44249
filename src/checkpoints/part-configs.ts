import type { Tensors } from '../architectures/tensors.ts'
import type { PartConfig } from './configuration.ts'

// What a config.json would say, from the tensors of a part whose names and shapes reveal it.

/** Of an AutoencoderKL. `latents`: what its latents are multiplied by, and what is subtracted before. */
export function vaeConfig(tensors: Tensors, channels: number, [scale, shift]: readonly [number, number?]): PartConfig {
  return {
    block_out_channels: levelsOf(tensors, /^encoder\.down_blocks\.(\d+)\.resnets\.0\.conv1\.weight$/),
    latent_channels: channels,
    norm_num_groups: 32,
    scaling_factor: scale,
    shift_factor: shift ?? null,
  }
}

/** Of a CLIPTextModel. */
export function clipConfig(tensors: Tensors, activation: 'gelu' | 'quick_gelu'): PartConfig {
  const position = [...tensors].find(([name]) => name.endsWith('embeddings.position_embedding.weight'))
  const [length = 77, width = 0] = position?.[1].dims ?? []
  const heads = Math.max(1, Math.floor(width / WIDTH_OF_A_HEAD))
  return { num_attention_heads: heads, hidden_act: activation, max_position_embeddings: length, eos_token_id: 2 }
}

export const WIDTH_OF_A_HEAD = 64

/** For every level, the first dimension of a tensor. */
export function levelsOf(tensors: Tensors, name: RegExp): number[] {
  const found = [...tensors].flatMap(([each, { dims }]) =>
    name.test(each) ? [[Number(name.exec(each)![1]), dims[0]!] as const] : [],
  )
  return found.sort(([one], [other]) => one - other).map(([, width]) => width)
}
