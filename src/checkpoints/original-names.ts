import type { Tensors } from '../architectures/tensors.ts'

/** How many blocks a level of a UNet has under its original names: it ends where it is made smaller. */
export function blocksPerLevel(tensors: Tensors): number {
  const smaller = [...tensors.keys()].flatMap((name) => /^input_blocks\.(\d+)\.0\.op\.weight$/.exec(name)?.[1] ?? [])
  return Math.min(...smaller.map(Number), ...(smaller.length > 0 ? [] : [USUAL_PER_LEVEL]))
}

/** A UNet's tensors as Stability AI named them → as diffusers does. */
export function unetNames(perLevel: number): (name: string) => string {
  const place = (block: string) => [Math.floor(Number(block) / perLevel), Number(block) % perLevel] as const
  return (name) => {
    const [, part, block, inner, rest = ''] =
      /^(input|middle|output)_blocks?\.(\d+)(?:\.(\d+))?\.(.*)$/.exec(name) ?? []
    if (part === 'middle') {
      // residual, attention, residual
      const whole = `${inner === undefined ? '' : `${inner}.`}${rest}`
      return block === '1'
        ? `mid_block.attentions.0.${whole}`
        : `mid_block.resnets.${Number(block) / 2}.${residualName(whole)}`
    }
    if (part === 'input' && block !== '0') {
      const [level, index] = place(String(Number(block) - 1))
      if (rest.startsWith('op.')) return `down_blocks.${level}.downsamplers.0.conv.${rest.slice(3)}`
      return blockName(`down_blocks.${level}`, index, inner, rest)
    }
    if (part === 'output') {
      const [level, index] = place(block!)
      if (rest.startsWith('conv.')) return `up_blocks.${level}.upsamplers.0.${rest}`
      return blockName(`up_blocks.${level}`, index, inner, rest)
    }
    const [, found, own] = /^(.*)\.(weight|bias)$/.exec(name) ?? []
    return found && UNET[found] ? `${UNET[found]}.${own}` : name
  }
}

const USUAL_PER_LEVEL = 3

const UNET: Readonly<Record<string, string>> = {
  'time_embed.0': 'time_embedding.linear_1',
  'time_embed.2': 'time_embedding.linear_2',
  'time_embed.cond_proj': 'time_embedding.cond_proj',
  'label_emb.0.0': 'add_embedding.linear_1',
  'label_emb.0.2': 'add_embedding.linear_2',
  'input_blocks.0.0': 'conv_in',
  'out.0': 'conv_norm_out',
  'out.2': 'conv_out',
}

const blockName = (level: string, index: number, inner: string | undefined, rest: string) =>
  inner === '0' ? `${level}.resnets.${index}.${residualName(rest)}` : `${level}.attentions.${index}.${rest}`

function residualName(rest: string): string {
  const [, found = '', own] = /^(.*)\.(weight|bias)$/.exec(rest) ?? []
  return RESIDUAL[found] ? `${RESIDUAL[found]}.${own}` : rest
}

const RESIDUAL: Readonly<Record<string, string>> = {
  'in_layers.0': 'norm1',
  'in_layers.2': 'conv1',
  'emb_layers.1': 'time_emb_proj',
  'out_layers.0': 'norm2',
  'out_layers.3': 'conv2',
  skip_connection: 'conv_shortcut',
}

/** An autoencoder's tensors, likewise; the decoder counts its `levels` from the other end. */
export function vaeName(name: string, levels: number): string {
  const own = name.replace('nin_shortcut', 'conv_shortcut').replace('.norm_out.', '.conv_norm_out.')
  const [, coder, level, rest = ''] = /^(encoder\.down|decoder\.up)\.(\d+)\.(.*)$/.exec(own) ?? []
  if (coder) {
    const index = coder === 'encoder.down' ? Number(level) : levels - 1 - Number(level)
    const inner = rest.replace(/^block\./, 'resnets.').replace(/^(down|up)sample\.conv\./, '$1samplers.0.conv.')
    return `${coder}_blocks.${index}.${inner}`
  }
  const [, which, middle = ''] = /^(encoder|decoder)\.mid\.(.*)$/.exec(own) ?? []
  if (!which) return own
  const [, residual, inner] = /^block_([12])\.(.*)$/.exec(middle) ?? []
  if (residual) return `${which}.mid_block.resnets.${Number(residual) - 1}.${inner}`
  const [, attention = '', last] = /^attn_1\.([\w.]+)\.(weight|bias)$/.exec(middle) ?? []
  return VAE_ATTENTION[attention] ? `${which}.mid_block.attentions.0.${VAE_ATTENTION[attention]}.${last}` : own
}

const VAE_ATTENTION: Readonly<Record<string, string>> = {
  norm: 'group_norm',
  q: 'to_q',
  k: 'to_k',
  v: 'to_v',
  proj_out: 'to_out.0',
  // As one of diffusers' converters leaves them.
  group_norm: 'group_norm',
  to_q: 'to_q',
  to_k: 'to_k',
  to_v: 'to_v',
  'to_out.0': 'to_out.0',
}
