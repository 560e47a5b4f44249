import type { Conditioning, Tokens } from '../../diffusion/model.ts'
import { sizeOf, type Tensor, tensor } from '../../tensor/tensor.ts'
import type { T5 } from './t5.ts'
import type { TextEncoder } from './text-encoder.ts'
import type { TextNetwork } from './text-network.ts'

export interface PromptEncoder {
  readonly tokenWidths: readonly number[]
  /** Of the encoders in a difference file. @default those of CLIP's encoders */
  readonly tokenNames?: readonly string[]
  /**
   * The median length of the embeddings of `words`, for each encoder. @default of tokens from all over the vocabulary
   */
  tokenNorms(words?: readonly string[]): readonly number[]
  embedWords(text: string, most: number): Tokens
  encode(prompt: string, tokens?: Tokens): Promise<Conditioning>
  /** The gradient with respect to the tokens of Σ cotangent · conditioning; an absent cotangent counts as zero. */
  gradient(prompt: string, tokens: Tokens, cotangent: Partial<Conditioning>): Promise<Tokens>
  /** The encoder with a projection into CLIP's joint space; of several, the last one. */
  readonly projecting?: Projecting
  close(): Promise<void>
}

/** CLIP's joint space, [1, width]. The tokens are those of all encoders; the gradients of the others are zero. */
export interface Projecting extends Pick<TextEncoder, 'embed'> {
  embedTokens(prompt: string, tokens?: Tokens): Promise<Tensor>
  gradient(prompt: string, tokens: Tokens, cotangent: Tensor): Promise<Tokens>
}

export interface Joining {
  /** The conditioning without words and tokens: `zeros`, or the empty prompt's encoding. */
  readonly empty: 'encoded' | 'zeros'
  /** The pooled embedding: of the last encoder that has one, or of all of them, concatenated. */
  readonly pooled: 'last' | 'all'
  /** Stable Diffusion 3: the states, padded with zeros to its width, come first, and T5's follow. */
  readonly t5?: T5
}

/**
 * One or two of CLIP's text encoders, and perhaps T5: each reads the prompt with tokens of its own. The states of the former
 * are concatenated. A difference that was made for these alone leaves T5 with the plain prompt.
 */
export function joinEncoders(encoders: readonly TextEncoder[], { empty, pooled, t5 }: Joining): PromptEncoder {
  const last = encoders.findLastIndex(({ hasPooled }) => hasPooled)
  const widths = encoders.map(({ tokenWidth }) => tokenWidth)
  let pooledWidths: Promise<number[]> | undefined
  const widthsOfPooled = () => {
    pooledWidths ??= Promise.all(encoders.map(async (each) => (await each.encode('')).pooled!.dims[1]!))
    return pooledWidths
  }
  const encode = async (prompt: string, tokens?: Tokens): Promise<Conditioning> => {
    const found: Conditioning[] = []
    for (const [index, encoder] of encoders.entries()) found.push(await encoder.encode(prompt, tokens?.[index]))
    const states = sideBySide(found.map(({ hiddenStates }) => hiddenStates))
    return {
      hiddenStates: t5 ? stacked(states, await t5.encode(prompt, tokens?.[encoders.length])) : states,
      pooled: pooled === 'all' ? sideBySide(found.map((each) => each.pooled!)) : found[last]?.pooled,
    }
  }
  const apartPooled = async (cotangent: Tensor | undefined): Promise<(Tensor | undefined)[]> => {
    if (cotangent && pooled === 'all') return apart(cotangent, await widthsOfPooled())
    return encoders.map((_, index) => (index === last ? cotangent : undefined))
  }
  return {
    ...wordsOf([...encoders, ...(t5?.words ? [t5.words] : [])]),
    encode: async (prompt, tokens) => {
      const found = await encode(prompt, tokens)
      if (empty === 'encoded' || prompt !== '' || tokens) return found
      return { hiddenStates: tensor(found.hiddenStates.dims), pooled: found.pooled && tensor(found.pooled.dims) }
    },
    gradient: async (prompt, tokens, cotangent) => {
      const states = cotangent.hiddenStates && apart(cotangent.hiddenStates, widths, t5?.length)
      const pools = await apartPooled(cotangent.pooled)
      const gradients: Tensor[] = []
      for (const [index, encoder] of encoders.entries()) {
        const own = { hiddenStates: states?.[index], pooled: pools[index] }
        gradients.push(await encoder.gradient(prompt, tokens[index]!, own))
      }
      const ofT5 = tokens[encoders.length]
      if (t5 && ofT5) gradients.push(await t5.gradient(prompt, ofT5, lastRows(cotangent.hiddenStates, t5, ofT5)))
      return gradients
    },
    projecting: encoders[last] && projecting(encoders[last], last),
    close: async () => {
      await Promise.all([...encoders, ...(t5 ? [t5] : [])].map((each) => each.close()))
    },
  }
}

/**
 * FLUX: T5's states, and a pooled embedding of CLIP.
 * @param output The name of that embedding in CLIP's network.
 */
export function pooledWithStates(clip: TextNetwork, output: string, t5: T5): PromptEncoder {
  return {
    ...wordsOf([clip, ...(t5.words ? [t5.words] : [])]),
    tokenNames: ['clip_l', 't5xxl'],
    encode: async (prompt, tokens) => {
      const found = await clip.run([prompt], tokens?.[0])
      return { hiddenStates: await t5.encode(prompt, tokens?.[1]), pooled: found[output]! }
    },
    gradient: async (prompt, tokens, { hiddenStates, pooled }) => {
      const [ofClip, ofT5] = tokens
      const first = await clip.gradient(prompt, ofClip!, { [output]: pooled })
      return ofT5 ? [first, await t5.gradient(prompt, ofT5, lastRows(hiddenStates, t5, ofT5))] : [first]
    },
    close: async () => {
      await Promise.all([clip.close(), t5.close()])
    },
  }
}

/** A word may have another number of tokens in each encoder; all are given that of the first. */
function wordsOf(
  encoders: readonly Pick<TextNetwork, 'tokenWidth' | 'tokenNorm' | 'wordEmbeddings'>[],
): Pick<PromptEncoder, 'tokenWidths' | 'tokenNorms' | 'embedWords'> {
  return {
    tokenWidths: encoders.map(({ tokenWidth }) => tokenWidth),
    tokenNorms: (words) => encoders.map((encoder) => encoder.tokenNorm(words)),
    embedWords: (text, most) => {
      const [first, ...others] = encoders.map((encoder) => encoder.wordEmbeddings(text, most)) as [Tensor, ...Tensor[]]
      return [first, ...others.map((each) => withRows(each, first.dims[0]!))]
    },
  }
}

/** Cut, or with zeros below. */
function withRows({ dims, data }: Tensor, count: number): Tensor {
  const made = tensor([count, dims[1]!])
  made.data.set(data.subarray(0, made.data.length))
  return made
}

/** T5's states are the last ones; of no states [1, length, width], the gradient is zero. */
function lastRows(states: Tensor | undefined, { length }: T5, { dims: [, width] }: Tensor): Tensor {
  const size = length * width!
  return tensor([1, length, width!], states ? states.data.slice(-size) : new Float32Array(size))
}

function projecting(encoder: TextEncoder, place: number): Projecting {
  return {
    embed: encoder.embed,
    embedTokens: async (prompt, tokens) => (await encoder.encode(prompt, tokens?.[place])).pooled!,
    gradient: async (prompt, tokens, pooled) => {
      const own = await encoder.gradient(prompt, tokens[place]!, { pooled })
      return tokens.map((each, index) => (index === place ? own : tensor(each.dims)))
    },
  }
}

/** [1, m, narrow] above [1, n, width], padded with zeros. */
function stacked(above: Tensor, below: Tensor): Tensor {
  const [, count, narrow] = above.dims as [number, number, number]
  const [, more, width] = below.dims as [number, number, number]
  const whole = tensor([1, count + more, width])
  for (let row = 0; row < count; row++) {
    whole.data.set(above.data.subarray(row * narrow, (row + 1) * narrow), row * width)
  }
  whole.data.set(below.data, count * width)
  return whole
}

/** Joins along the last axis. */
function sideBySide(parts: readonly Tensor[]): Tensor {
  if (parts.length === 1) return parts[0]!
  const widths = parts.map(({ dims }) => dims.at(-1)!)
  const width = widths.reduce((sum, each) => sum + each, 0)
  const lead = parts[0]!.dims.slice(0, -1)
  const joined = tensor([...lead, width])
  for (let row = 0; row < sizeOf(lead); row++) {
    let at = row * width
    for (const [index, { data }] of parts.entries()) {
      joined.data.set(data.subarray(row * widths[index]!, (row + 1) * widths[index]!), at)
      at += widths[index]!
    }
  }
  return joined
}

/** The inverse, as far as the widths go; of [1, rows, width] without the last `more` rows. */
function apart(joined: Tensor, widths: readonly number[], more = 0): Tensor[] {
  const width = joined.dims.at(-1)!
  const lead = joined.dims.length === 2 ? joined.dims.slice(0, 1) : [1, joined.dims[1]! - more]
  let start = 0
  return widths.map((each) => {
    const part = tensor([...lead, each])
    for (let row = 0; row < sizeOf(lead); row++) {
      part.data.set(joined.data.subarray(row * width + start, row * width + start + each), row * each)
    }
    start += each
    return part
  })
}
