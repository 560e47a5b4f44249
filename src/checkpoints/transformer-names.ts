import { rowsOf, type StoredTensor, type Tensors } from '../architectures/tensors.ts'

type Named = readonly [name: string, tensor: StoredTensor]

/** The transformer of Stable Diffusion 3 as Stability AI named its tensors → as diffusers does. */
export function mmditTensors(tensors: Tensors): Tensors {
  const blocks = countOf(tensors, 'joint_blocks')
  return new Map([...tensors].flatMap(([name, tensor]) => ofMmdit(name, tensor, blocks)))
}

/** FLUX.1's as Black Forest Labs named its tensors → as diffusers does. */
export function fluxTensors(tensors: Tensors): Tensors {
  return new Map([...tensors].flatMap(([name, tensor]) => ofFlux(name, tensor)))
}

/**
 * For a transformer in diffusers' names: what a tensor is there that is named as in the original, with or without
 * underscores for dots, and without `.weight`. The names have none, either. A name of diffusers stays.
 * @returns undefined if the model is no such transformer
 */
export function fromOriginal(model: Tensors): ((name: string, tensor: StoredTensor) => readonly Named[]) | undefined {
  const isMmdit = model.has('pos_embed.proj.weight')
  if (!isMmdit && !model.has('time_text_embed.text_embedder.linear_1.weight')) return undefined
  const blocks = countOf(model, 'transformer_blocks')
  const apart = new Map(Object.keys(isMmdit ? MMDIT : FLUX).map((name) => [name.replaceAll('.', '_'), name]))
  return (name, tensor) => {
    const original = originalOfBlock(name) ?? apart.get(name.replaceAll('.', '_'))
    if (!original) return [[name, tensor]]
    const own = `${original}.weight`
    const found = isMmdit ? ofMmdit(own, tensor, blocks) : ofFlux(own, tensor)
    return found.map(([each, value]) => [each.replace(/\.weight$/, ''), value])
  }
}

/** With dots where Stability AI and Black Forest Labs have them. */
function originalOfBlock(name: string): string | undefined {
  const [, block, rest = ''] = /^((?:double|single|joint)_blocks_\d+)_(.*)$/.exec(name.replaceAll('.', '_')) ?? []
  if (!block) return undefined
  const inner = rest
    .replace(/^(x|context)_block_/, '$1_block.')
    .replace(/(attn2?|mlp|mod|modulation)_(?=(qkv|proj|fc\d|lin|\d)$)/, '$1.')
  return `${block.replace(/_(\d+)$/, '.$1')}.${inner}`
}

/** @param blocks How many there are; in the last one the prompt's modulation has another order. */
function ofMmdit(name: string, tensor: StoredTensor, blocks: number): readonly Named[] {
  const [, index = '', stream, rest = ''] = /^joint_blocks\.(\d+)\.(x|context)_block\.(.*)$/.exec(name) ?? []
  if (!stream) return renamed(name, tensor, MMDIT)
  const block = `transformer_blocks.${index}`
  const isPrompt = stream === 'context'
  const [, own, kind] = /^(attn2?)\.qkv\.(weight|bias)$/.exec(rest) ?? []
  if (own) return projections(tensor, `${block}.${own}`, isPrompt ? ADDED : OWN, kind!)
  const isLast = isPrompt && Number(index) === blocks - 1
  const found = renamed(rest, tensor, isPrompt ? OF_PROMPT : OF_PICTURE, isLast ? [MODULATION] : [])
  return found.map(([each, value]) => [`${block}.${each}`, value])
}

function ofFlux(name: string, tensor: StoredTensor): readonly Named[] {
  const [, kind, index, rest = ''] = /^(double|single)_blocks\.(\d+)\.(.*)$/.exec(name) ?? []
  if (kind === 'double') return doubleBlock(`transformer_blocks.${index}`, rest, tensor)
  if (kind === 'single') return singleBlock(`single_transformer_blocks.${index}`, rest, tensor)
  return renamed(name, tensor, FLUX)
}

function doubleBlock(block: string, rest: string, tensor: StoredTensor): readonly Named[] {
  const [, stream, inner = ''] = /^(img|txt)_(.*)$/.exec(rest) ?? []
  const isPrompt = stream === 'txt'
  const [, kind] = /^attn\.qkv\.(weight|bias)$/.exec(inner) ?? []
  if (kind) return projections(tensor, `${block}.attn`, isPrompt ? ADDED : OWN, kind)
  const names = isPrompt ? OF_PROMPT_IN_FLUX : OF_PICTURE_IN_FLUX
  return renamed(inner, tensor, names).map(([each, value]) => [`${block}.${each}`, value])
}

/** Queries, keys, values and the first layer beside the attention are one tensor. */
function singleBlock(block: string, rest: string, tensor: StoredTensor): readonly Named[] {
  const [, kind] = /^linear1\.(weight|bias)$/.exec(rest) ?? []
  if (!kind) return renamed(rest, tensor, SINGLE).map(([each, value]) => [`${block}.${each}`, value])
  const rows = tensor.dims[0] ?? 0
  const width = rows / PARTS_OF_LINEAR_1
  return [
    ...projections(rowsOf(tensor, 0, 3 * width), `${block}.attn`, OWN, kind),
    [`${block}.proj_mlp.${kind}`, rowsOf(tensor, 3 * width, rows)],
  ]
}

/** Queries, keys, values, and a layer of four times their width. */
const PARTS_OF_LINEAR_1 = 7

const OWN = ['to_q', 'to_k', 'to_v']
const ADDED = ['add_q_proj', 'add_k_proj', 'add_v_proj']

function projections(tensor: StoredTensor, name: string, names: readonly string[], kind: string): readonly Named[] {
  const third = (tensor.dims[0] ?? 0) / 3
  return names.map((each, index) => [`${name}.${each}.${kind}`, rowsOf(tensor, index * third, (index + 1) * third)])
}

/** @param swapped Those whose shift comes before their scale, which in diffusers is the other way round. */
function renamed(
  name: string,
  tensor: StoredTensor,
  names: Readonly<Record<string, string>>,
  swapped: readonly string[] = [LAST_MODULATION],
): readonly Named[] {
  const [, found = '', kind] = /^(.*)\.(weight|bias|scale)$/.exec(name) ?? []
  const isSwapped = swapped.includes(found)
  const own = isSwapped ? { ...tensor, isSwapped } : tensor
  if (names[name]) return [[names[name], own]]
  return names[found] ? [[`${names[found]}.${kind === 'scale' ? 'weight' : kind}`, own]] : [[name, own]]
}

const MODULATION = 'adaLN_modulation.1'
const LAST_MODULATION = 'final_layer.adaLN_modulation.1'

const MMDIT: Readonly<Record<string, string>> = {
  pos_embed: 'pos_embed.pos_embed',
  'x_embedder.proj': 'pos_embed.proj',
  't_embedder.mlp.0': 'time_text_embed.timestep_embedder.linear_1',
  't_embedder.mlp.2': 'time_text_embed.timestep_embedder.linear_2',
  'y_embedder.mlp.0': 'time_text_embed.text_embedder.linear_1',
  'y_embedder.mlp.2': 'time_text_embed.text_embedder.linear_2',
  'final_layer.linear': 'proj_out',
  [LAST_MODULATION]: 'norm_out.linear',
}

const OF_PICTURE: Readonly<Record<string, string>> = {
  'attn.proj': 'attn.to_out.0',
  'attn.ln_q': 'attn.norm_q',
  'attn.ln_k': 'attn.norm_k',
  'attn2.proj': 'attn2.to_out.0',
  'attn2.ln_q': 'attn2.norm_q',
  'attn2.ln_k': 'attn2.norm_k',
  'mlp.fc1': 'ff.net.0.proj',
  'mlp.fc2': 'ff.net.2',
  [MODULATION]: 'norm1.linear',
}

const OF_PROMPT: Readonly<Record<string, string>> = {
  'attn.proj': 'attn.to_add_out',
  'attn.ln_q': 'attn.norm_added_q',
  'attn.ln_k': 'attn.norm_added_k',
  'mlp.fc1': 'ff_context.net.0.proj',
  'mlp.fc2': 'ff_context.net.2',
  [MODULATION]: 'norm1_context.linear',
}

const FLUX: Readonly<Record<string, string>> = {
  img_in: 'x_embedder',
  txt_in: 'context_embedder',
  'time_in.in_layer': 'time_text_embed.timestep_embedder.linear_1',
  'time_in.out_layer': 'time_text_embed.timestep_embedder.linear_2',
  'vector_in.in_layer': 'time_text_embed.text_embedder.linear_1',
  'vector_in.out_layer': 'time_text_embed.text_embedder.linear_2',
  'guidance_in.in_layer': 'time_text_embed.guidance_embedder.linear_1',
  'guidance_in.out_layer': 'time_text_embed.guidance_embedder.linear_2',
  'final_layer.linear': 'proj_out',
  [LAST_MODULATION]: 'norm_out.linear',
}

const OF_PICTURE_IN_FLUX: Readonly<Record<string, string>> = {
  'mod.lin': 'norm1.linear',
  'attn.proj': 'attn.to_out.0',
  'attn.norm.query_norm': 'attn.norm_q',
  'attn.norm.key_norm': 'attn.norm_k',
  'mlp.0': 'ff.net.0.proj',
  'mlp.2': 'ff.net.2',
}

const OF_PROMPT_IN_FLUX: Readonly<Record<string, string>> = {
  'mod.lin': 'norm1_context.linear',
  'attn.proj': 'attn.to_add_out',
  'attn.norm.query_norm': 'attn.norm_added_q',
  'attn.norm.key_norm': 'attn.norm_added_k',
  'mlp.0': 'ff_context.net.0.proj',
  'mlp.2': 'ff_context.net.2',
}

const SINGLE: Readonly<Record<string, string>> = {
  'modulation.lin': 'norm.linear',
  'norm.query_norm': 'attn.norm_q',
  'norm.key_norm': 'attn.norm_k',
  linear2: 'proj_out',
}

/** How many of `prefix.0`, `prefix.1`, … there are. */
function countOf(tensors: Tensors, prefix: string): number {
  const places = [...tensors.keys()].flatMap((name) =>
    name.startsWith(`${prefix}.`) ? Number(name.split('.')[prefix.split('.').length]) : [],
  )
  return new Set(places).size
}
