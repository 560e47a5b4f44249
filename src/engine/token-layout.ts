import { quoted, UserError } from '../errors.ts'
import type { Sentence } from '../sentence.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'

/** The layouts of a textual inversion's tokens in a file, by the conventions of A1111, ComfyUI, kohya and diffusers. */

export type NamedTensors = Readonly<Record<string, Tensor>>

export interface TokensFound {
  /** One [n, width] for each text encoder that the file is for, in the order of the models. 1 ≤ n ≤ 75. */
  readonly tokens: readonly Tensor[]
  /** Tensors for a text encoder that the model lacks; they are ignored. */
  readonly ignored: readonly string[]
}

/** As many as CLIP reads beside the beginning and the end of a text. */
const MOST_TOKENS = 75

/** With several text encoders each tensor is named; the first two are CLIP's, the third is T5's. */
const T5 = 't5xxl'
const ENCODERS: readonly string[] = ['clip_l', 'clip_g', T5]

/** Whether tokens of these widths can be used: for every text encoder, or for every one but T5. */
export const isFit = (widths: readonly number[], { tokenWidths, tokenNames }: TokenLayout): boolean => {
  const names = tokenNames ?? tensorNames(tokenWidths.length)
  return [tokenWidths, ...(names.at(-1) === T5 ? [tokenWidths.slice(0, -1)] : [])].some(
    (each) => String(each) === String(widths),
  )
}

interface TokenLayout {
  readonly tokenWidths: readonly number[]
  readonly tokenNames?: readonly string[]
}

/**
 * The names of the tensors, unless the model says others.
 * @throws RangeError if no program knows a layout for that many text encoders
 */
export function tensorNames(encoders: number): readonly string[] {
  if (encoders === 1) return ['emb_params']
  if (encoders === 2 || encoders === 3) return ENCODERS.slice(0, encoders)
  throw new RangeError(`Expected one to three text encoders, got ${encoders}`)
}

/**
 * A single tensor of any name, [n, width] or [width], with or without dimensions of 1 before it; a list of such, named by
 * numbers; or one for each text encoder.
 *
 * @param name The person's name for the file; messages begin with it.
 * @param own The names of those that the model has; a file may leave out T5's.
 * @throws UserError if they are no tokens
 */
export function readTokens(tensors: NamedTensors, name: string | Sentence, own: readonly string[]): TokensFound {
  const listed = asList(tensors)
  if (listed) return readTokens(listed, name, own)
  const names = Object.keys(tensors)
  const known = ENCODERS.filter((encoder) => Object.hasOwn(tensors, encoder))
  const isNamed = names.length > 1 && known.length === names.length
  if (!isNamed && names.length !== 1) throw noTokens(names, name)
  const wanted = own.filter((each) => each !== T5 || known.includes(T5))
  const isFitting = own.length > 1 && wanted.every((each) => names.includes(each))
  const used = !isNamed ? names : isFitting ? wanted : known
  const tokens = used.map((each) => asRows(tensors[each]!))
  const count = tokens[0]!.dims[0]!
  for (const { dims, data } of tokens) {
    if (dims.length !== 2 || dims[0] !== count || data.length === 0) {
      throw new UserError('{name} is not a difference: its tokens have the shape [{shape}].', {
        name,
        shape: shortened(dims),
      })
    }
    if (count > MOST_TOKENS) {
      throw new UserError('{name} has {count} tokens, and the limit is {limit}.', { name, count, limit: MOST_TOKENS })
    }
    if (!data.every(Number.isFinite)) {
      throw new UserError('{name} is damaged: not all of its values are numbers.', { name })
    }
  }
  return { tokens, ignored: names.filter((each) => used.every((other) => other !== each)) }
}

/**
 * Why tokens of these widths can't be used with that model, and what they are for if that is known.
 *
 * @param name The person's name for the file; the message begins with it.
 */
export function misfit(
  widths: readonly number[],
  name: string | Sentence,
  model: TokenLayout & { readonly name: string },
): UserError {
  const family = FAMILIES.get(String(widths))
  const [theirs, ours] = [widths, model.tokenWidths]
  if (widths.length === 1 && model.tokenWidths.length > 1 && model.tokenWidths.includes(widths[0]!)) {
    const wanted = (model.tokenNames ?? tensorNames(model.tokenWidths.length)).map((each) => `\`${each}\``)
    return new UserError(
      family === undefined
        ? '{name} is for one of the text encoders of “{model}” alone (tokens of width {theirs}): for this model put the tensors of all of them into one file, named {wanted}.'
        : '{name} is for {family}, or for one of the text encoders of “{model}” alone (tokens of width {theirs}): for this model put the tensors of all of them into one file, named {wanted}.',
      { name, family: family ?? '', model: model.name, theirs, wanted },
    )
  }
  if (family === undefined) {
    return new UserError('{name} has tokens of width {theirs} and does not fit “{model}”: the model’s are {ours}.', {
      name,
      theirs,
      model: model.name,
      ours,
    })
  }
  return new UserError(
    '{name} is for {family} (tokens of width {theirs}) and does not fit “{model}”, whose tokens are {ours} wide: use it with a model of its own family.',
    { name, family, theirs, model: model.name, ours },
  )
}

/** Recognised by the widths of the text encoders. */
const FAMILIES: ReadonlyMap<string, string> = new Map([
  ['768', 'Stable Diffusion 1.x'],
  ['1024', 'Stable Diffusion 2.x'],
  ['768,1280', 'SDXL or Stable Diffusion 3'],
  ['768,1280,4096', 'Stable Diffusion 3 with T5'],
  ['768,4096', 'Flux'],
])

function noTokens(names: readonly string[], name: string | Sentence): UserError {
  const isLora = names.some((each) => /lora|hada|lokr/i.test(each))
  if (isLora) {
    return new UserError('{name} is a LoRA, which changes a network; only textual inversions can be used here.', {
      name,
    })
  }
  if (names.length === 0 || names.length > 3) {
    return new UserError(
      '{name} holds {count, plural, =1 {one tensor} other {# tensors}}, and a difference is one (or SDXL’s clip_l and clip_g).',
      { name, count: names.length },
    )
  }
  return new UserError(
    '{name} holds {count, plural, =1 {one tensor} other {# tensors}} ({names}), and a difference is one (or SDXL’s clip_l and clip_g).',
    { name, count: names.length, names: names.map((each) => quoted(each, 20)).join(', ') },
  )
}

/** Programs that keep a list write its places for names: they are the tokens, in their order. */
function asList(tensors: NamedTensors): NamedTensors | undefined {
  const names = Object.keys(tensors).sort((one, other) => Number(one) - Number(other))
  const parts = names.map((name) => asRows(tensors[name]!))
  const width = parts[0]?.dims.at(-1)
  const isList = names.length > 1 && names.every((name, index) => name === String(index))
  if (!isList || !parts.every(({ dims }) => dims.length === 2 && dims[1] === width)) return undefined
  const count = parts.reduce((sum, { dims }) => sum + dims[0]!, 0)
  const all = tensor([count, width!])
  let at = 0
  for (const { data } of parts) {
    all.data.set(data, at)
    at += data.length
  }
  return { emb_params: all }
}

function asRows({ dims, data }: Tensor): Tensor {
  if (dims.length === 1) return tensor([1, ...dims], data)
  const leading = dims.slice(0, -2)
  return tensor(leading.every((dim) => dim === 1) ? dims.slice(-2) : dims, data)
}

const shortened = (dims: readonly number[]) => (dims.length > 4 ? `${dims.slice(0, 4).join(', ')}, …` : dims.join(', '))
