import { OtherModelError, quoted, UserError } from '../errors.ts'
import type { Sentence } from '../sentence.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { isFit, misfit, readTokens, tensorNames } from './token-layout.ts'

/** What was learned from example pairs, or a textual inversion that was made elsewhere. */
export interface Difference {
  /** The difference tokens: one [n, width] for each text encoder of the model, in its order. 1 ≤ n ≤ 75. */
  readonly tokens: readonly Tensor[]
  /** The names of the tokens in a file. @default those of CLIP's one or two text encoders, then T5's */
  readonly tokenNames?: readonly string[]
  /** How it was learned; absent if it was not learned here. */
  readonly origin?: Origin
  /** Tensors of the file for a text encoder that the model lacks. */
  readonly ignored?: readonly string[]
  /** The part that needs no network, as JSON of src/exact. */
  readonly exact?: string
}

export interface Origin {
  /** The version of isto that learned it. */
  readonly version: string
  readonly model: string
  readonly modelHash: string
  readonly mode: 'fast' | 'parity'
  readonly seed: number
  readonly steps: number
  /** Chosen on the pair, or given by the person. */
  readonly strength: number
  /** 0…1, likewise. */
  readonly preserve: number
  /** Whether the picture's own pixels stay where the difference does nothing. Absent in older files. */
  readonly isBlended?: boolean
  /** The difference in words, if words were found. */
  readonly name?: string
  /** As in a job's report: 1 is perfect, 0 is no better than A unchanged. */
  readonly fit?: number
  readonly captions: { readonly a?: string; readonly a2?: string }
  /** The learning curve, thinned to at most 50 values. */
  readonly loss?: readonly number[]
}

/** What a safetensors file holds. */
export interface FileContent {
  readonly tensors: Readonly<Record<string, Tensor>>
  readonly metadata: Readonly<Record<string, string>>
}

/** The model that a difference is to be used with. */
export interface TargetModel {
  readonly name: string
  readonly hash: string
  /** The width of a token for each text encoder: `[768]` for SD 1.x, `[768, 1280]` for SDXL. */
  readonly tokenWidths: readonly number[]
  /** @default those of CLIP's one or two text encoders, then T5's */
  readonly tokenNames?: readonly string[]
}

const FORMAT = 1
/** The entry of a file's metadata that holds the exact part. */
export const EXACT = 'isto_exact'
const LONGEST_EXACT = 10_000
const LONGEST_CURVE = 50
const LONGEST_TEXT = 1000
const LARGEST_LOSS = 1e9

/**
 * The layout that A1111, ComfyUI and diffusers load as it is: `emb_params` for one text encoder, `clip_l` and `clip_g`
 * for the two of SDXL, and `t5xxl` for a third. Everything else is metadata, because a second tensor would break A1111
 * and diffusers.
 *
 * @throws RangeError if a token is not finite or no layout is known for the text encoders
 */
export function encodeDifference({ tokens, tokenNames, origin, exact }: Difference): FileContent {
  const names = tokenNames && tokens.length > 1 ? tokenNames : tensorNames(tokens.length)
  for (const { data } of tokens) {
    if (!data.every(Number.isFinite)) throw new RangeError('Expected the difference tokens to be finite')
  }
  return {
    tensors: Object.fromEntries(tokens.map((token, index) => [names[index]!, token])),
    metadata: { ...(origin && encodeOrigin(origin)), ...(exact !== undefined && { [EXACT]: exact }) },
  }
}

/**
 * Accepts what `encodeDifference` wrote, and textual inversions made elsewhere: a single tensor of any name, [n, width]
 * or [width], or one for each text encoder.
 *
 * @param name The person's name for the file; messages begin with it.
 * @throws UserError if the content is no difference, or one that `model` can't use; OtherModelError if it says that it
 *   was learned on another model, or on another version of this one, where its tokens mean something else
 */
export function decodeDifference(
  content: FileContent,
  { name, model }: { readonly name: string | Sentence; readonly model: TargetModel },
): Difference {
  const { tokenNames = tensorNames(model.tokenWidths.length) } = model
  const { tokens, ignored } = readTokens(content.tensors, name, tokenNames)
  const origin = decodeOrigin(content.metadata, name)
  const widths = tokens.map(({ dims }) => dims[1]!)
  if (origin && (origin.modelHash !== model.hash || !isFit(widths, model))) {
    throw new OtherModelError(
      origin.model === model.name
        ? '{name} was learned on another version of the model “{model}”: it has to be learned again.'
        : '{name} was learned on the model {own} and does not fit “{model}”: use it with that model, or learn it again.',
      { name, model: model.name, own: quoted(origin.model) },
    )
  }
  if (!isFit(widths, model)) throw misfit(widths, name, model)
  const exact = content.metadata[EXACT]
  return {
    tokens,
    ...(model.tokenNames && { tokenNames }),
    origin,
    ...(exact !== undefined && exact.length <= LONGEST_EXACT && { exact }),
    ...(ignored.length > 0 && { ignored }),
  }
}

function encodeOrigin({ captions, loss, fit, ...origin }: Origin): Record<string, string> {
  const fields = {
    isto_format: FORMAT,
    isto_version: origin.version,
    isto_model: origin.model,
    isto_model_hash: origin.modelHash,
    isto_mode: origin.mode,
    isto_seed: origin.seed,
    isto_steps: origin.steps,
    isto_strength: origin.strength,
    isto_preserve: origin.preserve,
    isto_blended: origin.isBlended,
    isto_name: origin.name?.slice(0, LONGEST_TEXT),
    isto_fit: fit,
    isto_caption_a: captions.a?.slice(0, LONGEST_TEXT),
    isto_caption_a2: captions.a2?.slice(0, LONGEST_TEXT),
    isto_loss: loss && JSON.stringify(thin(loss)),
  }
  const present = Object.entries(fields).filter(([, value]) => value !== undefined)
  return Object.fromEntries(present.map(([key, value]) => [key, String(value)]))
}

function decodeOrigin(metadata: FileContent['metadata'], name: string | Sentence): Origin | undefined {
  if (metadata.isto_format === undefined) return undefined
  const unreadable = (key: string) =>
    new UserError('{name} is damaged: its `{key}` is missing or unreadable.', { name, key })
  const text = (key: string) => {
    const value = metadata[key]
    if (value === undefined || value.length > LONGEST_TEXT) throw unreadable(key)
    return value
  }
  const number = (key: string, low: number, high: number) => {
    const value = /^-?\d+(\.\d+)?(e[-+]?\d+)?$/.test(text(key)) ? Number(text(key)) : NaN
    if (!(value >= low && value <= high)) throw unreadable(key)
    return value
  }
  const whole = (key: string, high: number) => {
    const value = number(key, 0, high)
    if (!Number.isInteger(value)) throw unreadable(key)
    return value
  }
  const optional = <Value>(key: string, read: (key: string) => Value) =>
    metadata[key] === undefined ? undefined : read(key)

  if (number('isto_format', 1, Infinity) > FORMAT) {
    throw new UserError('{name} was made by a newer version of isto: update this one to use it.', { name })
  }
  const mode = text('isto_mode')
  if (mode !== 'fast' && mode !== 'parity') throw unreadable('isto_mode')
  return {
    version: text('isto_version'),
    model: text('isto_model'),
    modelHash: text('isto_model_hash'),
    mode,
    seed: whole('isto_seed', 2 ** 32 - 1),
    steps: whole('isto_steps', 1e6),
    strength: number('isto_strength', -1000, 1000),
    preserve: number('isto_preserve', 0, 1),
    isBlended: optional('isto_blended', (key) => {
      if (!/^(true|false)$/.test(text(key))) throw unreadable(key)
      return text(key) === 'true'
    }),
    name: optional('isto_name', text),
    fit: optional('isto_fit', (key) => number(key, -Number.MAX_VALUE, 1)),
    captions: { a: optional('isto_caption_a', text), a2: optional('isto_caption_a2', text) },
    loss: optional('isto_loss', (key) => {
      const curve = parseLosses(text(key))
      if (!curve) throw unreadable(key)
      return curve
    }),
  }
}

/** At most 50 evenly spaced values, including the first and the last, with four digits. */
function thin(curve: readonly number[]): number[] {
  const kept = Math.min(curve.length, LONGEST_CURVE)
  return Array.from({ length: kept }, (_, index) => {
    const value = curve[Math.round((index * (curve.length - 1)) / Math.max(1, kept - 1))]!
    return Number(value.toPrecision(4))
  })
}

function parseLosses(json: string): number[] | undefined {
  try {
    const list: unknown = JSON.parse(json)
    const isLoss = (value: unknown) => typeof value === 'number' && value >= 0 && value <= LARGEST_LOSS
    return Array.isArray(list) && list.every(isLoss) ? list : undefined
  } catch {
    return undefined
  }
}
