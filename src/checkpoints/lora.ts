import type { LowRank, StoredTensor, Tensors } from '../architectures/tensors.ts'
import { quoted, UserError } from '../errors.ts'
import { isFloat, numbersOf } from '../onnx/graph.ts'
import { readRange } from '../onnx/proto.ts'
import { unetNames } from './original-names.ts'
import { readSafetensorsIndex } from './safetensors.ts'
import { fromOriginal } from './transformer-names.ts'

/** The parts that a LoRA can change; `unet` is the denoising network, whatever it is, and `text_encoder_3` is T5. */
export type Adaptable = 'unet' | 'text_encoder' | 'text_encoder_2' | 'text_encoder_3'

export interface LoraFile {
  readonly path: string
  readonly strength: number
  /** What is added to which weights, by their name in the file after the part's prefix. */
  readonly parts: ReadonlyMap<Adaptable, ReadonlyMap<string, LowRank>>
}

/**
 * Reads a LoRA under kohya's or diffusers' names. Nothing of it is copied.
 * @throws UserError if the file is none, or of a kind that is not supported
 */
export function readLora(path: string, strength: number): LoraFile {
  const { tensors, metadata } = readSafetensorsIndex(path)
  const adapter = adapterOf(metadata)
  const pieces = new Map<string, Map<string, StoredTensor>>()
  for (const [name, tensor] of tensors) {
    const other = OTHER_KINDS.find(([part]) => part.test(name))
    if (other) throw new UserError(`${path} is a ${other[1]}, which is not supported: get a plain LoRA.`)
    const [, target, role] = PIECE.exec(name) ?? []
    if (!target || !role) throw new UserError(`${path} is no LoRA that is known here: it has ${quoted(name, 80)}.`)
    const found = pieces.get(target) ?? new Map<string, StoredTensor>()
    pieces.set(target, found.set(ROLES[role]!, tensor))
  }
  const parts = new Map<Adaptable, Map<string, LowRank>>()
  for (const [target, found] of pieces) {
    const [, prefix, name] = TARGET.exec(target) ?? []
    if (!prefix || !name) throw new UserError(`${path} changes ${quoted(target, 80)}, which is not known here.`)
    const part = PARTS[prefix]!
    const own = parts.get(part) ?? new Map<string, LowRank>()
    const alphaOf = (rank: number) => alphaIn(adapter, prefix, name, rank)
    parts.set(part, own.set(name, lowRankOf(path, target, found, { strength, alphaOf })))
  }
  if (parts.size === 0) throw new UserError(`${path} holds nothing.`)
  return { path, strength, parts }
}

const OTHER_KINDS: readonly (readonly [RegExp, string])[] = [
  [/\.hada_/, 'LoHa'],
  [/\.lokr_/, 'LoKr'],
  [/dora_scale|lora_magnitude_vector/, 'DoRA'],
  [/\.(diff|diff_b|oft_blocks|oft_diag|on_input)$/, 'fine-tune of another kind'],
]

/** Which weights are changed, and which piece of the change a tensor is. */
const PIECE =
  /^(.*?)(?:\.processor)?[._](lora_down|lora_up|lora_mid|lora_A|lora_B|lora\.down|lora\.up|lora_linear_layer\.down|lora_linear_layer\.up|alpha)(?:\.default)?(?:\.weight)?$/

const ROLES: Readonly<Record<string, string>> = {
  lora_down: 'down',
  lora_A: 'down',
  'lora.down': 'down',
  'lora_linear_layer.down': 'down',
  lora_up: 'up',
  lora_B: 'up',
  'lora.up': 'up',
  'lora_linear_layer.up': 'up',
  lora_mid: 'middle',
  alpha: 'alpha',
}

const TARGET =
  /^(lora_unet|lora_transformer|lora_te[123]?|unet|transformer|diffusion_model|text_encoder(?:_[23])?)[._](.*)$/

const PARTS: Readonly<Record<string, Adaptable>> = {
  lora_unet: 'unet',
  lora_transformer: 'unet',
  unet: 'unet',
  transformer: 'unet',
  diffusion_model: 'unet',
  lora_te: 'text_encoder',
  lora_te1: 'text_encoder',
  text_encoder: 'text_encoder',
  lora_te2: 'text_encoder_2',
  text_encoder_2: 'text_encoder_2',
  lora_te3: 'text_encoder_3',
  text_encoder_3: 'text_encoder_3',
}

/** What newer files of diffusers say in their metadata: PEFT's LoraConfig of each part, `transformer.lora_alpha` and so on. */
function adapterOf({ lora_adapter_metadata: text = '{}' }: Readonly<Record<string, string>>): Adapter {
  try {
    return Object(JSON.parse(text))
  } catch {
    return {}
  }
}

type Adapter = Readonly<Record<string, unknown>>

/** The alpha of a layer there, in the usual form: the change is multiplied by alpha ÷ rank, by rsLoRA by alpha ÷ √rank. */
function alphaIn(adapter: Adapter, part: string, layer: string, rank: number): number | undefined {
  const own = Object.entries(Object(adapter[`${part}.alpha_pattern`]))
  const found = own.find(([name]) => layer === name || layer.endsWith(`.${name}`))?.[1] ?? adapter[`${part}.lora_alpha`]
  if (typeof found !== 'number') return undefined
  return adapter[`${part}.use_rslora`] === true ? found * Math.sqrt(rank) : found
}

interface Scaling {
  readonly strength: number
  /** Where no tensor says it. */
  readonly alphaOf: (rank: number) => number | undefined
}

/** Without an alpha it is the rank. */
function lowRankOf(
  path: string,
  target: string,
  pieces: ReadonlyMap<string, StoredTensor>,
  { strength, alphaOf }: Scaling,
): LowRank {
  const [down, up, middle, alpha] = ['down', 'up', 'middle', 'alpha'].map((role) => pieces.get(role))
  if (!down || !up || ![down, up].every(({ type, dims }) => isFloat(type) && dims.length >= 2)) {
    throw new UserError(`${path} is not whole: ${quoted(target, 80)} lacks a part.`)
  }
  const rank = down.dims[0]!
  const said = alpha && numbersOf({ type: alpha.type, dims: alpha.dims, data: readRange(alpha.data) })?.[0]
  return { down, up, ...(middle && { middle }), scale: (strength * (said ?? alphaOf(rank) ?? rank)) / rank }
}

/**
 * The tensors of a part with what LoRAs add to them.
 * @throws UserError if one changes weights that the part doesn't have
 */
export function withLoras(tensors: Tensors, part: Adaptable, loras: readonly LoraFile[]): Tensors {
  const additions = loras.flatMap(({ path, parts }) =>
    [...inDiffusers(parts.get(part) ?? new Map(), tensors)].map(([name, own]) => ({ path, name, own })),
  )
  if (additions.length === 0) return tensors
  const weights = new Map(
    [...tensors.keys()].filter((name) => name.endsWith('.weight')).map((name) => [flat(name), name] as const),
  )
  const nameOf = unetNames(
    1 + [...tensors.keys()].filter((name) => /^down_blocks\.0\.resnets\.\d+\.conv1\.weight$/.test(name)).length,
  )
  const adapted = new Map(tensors)
  for (const { path, name, own } of additions) {
    const found = weights.get(flat(name)) ?? weights.get(flat(nameOf(dotted(name))))
    if (!found) {
      throw new UserError(
        `${path} changes ${quoted(name, 80)}, which this model does not have: it is for a model of another kind.`,
      )
    }
    const tensor = adapted.get(found)!
    adapted.set(found, { ...tensor, additions: [...(tensor.additions ?? []), own] })
  }
  return adapted
}

/**
 * What a LoRA under a transformer's original names changes, by the names of diffusers: of one tensor that is several there, each
 * is given its rows.
 */
function inDiffusers(changes: ReadonlyMap<string, LowRank>, model: Tensors): ReadonlyMap<string, LowRank> {
  const rename = fromOriginal(model)
  if (!rename) return changes
  return new Map(
    [...changes].flatMap(([name, own]) => {
      const dims = [own.up.dims[0]!, ...own.down.dims.slice(1)]
      // Only its form counts.
      const data = { file: '', offset: 0, length: dims.reduce((product, dim) => product * dim, 1) }
      const stand: StoredTensor = { type: 'float32', dims, data, additions: [own] }
      return rename(name, stand).map(([each, { additions, isSwapped }]): readonly [string, LowRank] => {
        const { up, ...others } = additions![0]!
        return [each, { ...others, up: { ...up, isSwapped } }]
      })
    }),
  )
}

/** Names in kohya's form, without the prefixes and suffixes of some libraries. */
const flat = (name: string) =>
  name
    .replace('.processor', '')
    .replace(/\.weight$/, '')
    .replaceAll('.', '_')
    .replace(/^text_model_/, '')
    .replace(/_to_out$/, '_to_out_0')

/** An original name of a block, with its dots where they matter. */
function dotted(name: string): string {
  const [, block, rest = ''] =
    /^((?:input|middle|output)_blocks?_\d+(?:_\d+)?)_(.*)$/.exec(name.replaceAll('.', '_')) ?? []
  if (!block) return `${name}.weight`
  const place = block.replace(/_(\d+)/g, '.$1')
  return `${place}.${rest.replace(/(in_layers|emb_layers|out_layers)_(\d)/, '$1.$2')}.weight`
}
