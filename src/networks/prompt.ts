import type { Conditioning, Tokens } from '../engine/networks.ts'
import { sizeOf, type Tensor, tensor } from '../tensor/tensor.ts'
import type { TextEncoder } from './clip.ts'

export interface PromptEncoder {
  readonly tokenWidths: readonly number[]
  /** Median length of the embeddings of `words`, for each encoder. @default of tokens all over the vocabulary */
  tokenNorms(words?: readonly string[]): readonly number[]
  embedWords(text: string, most: number): Tokens
  encode(prompt: string, tokens?: Tokens): Promise<Conditioning>
  /** The gradient by the tokens of Σ cotangent · conditioning; what is left out counts as zero. */
  gradient(prompt: string, tokens: Tokens, cotangent: Partial<Conditioning>): Promise<Tokens>
  /** The encoder with a projection into CLIP's joint space. */
  readonly projecting?: TextEncoder
  close(): Promise<void>
}

/**
 * One text encoder, or SDXL's two: each reads the prompt with tokens of its own, their states stand side by side, and the
 * pooled embedding is the last one's that has one.
 * @param empty What conditions without words and tokens: `zeros`, or the empty prompt's encoding.
 */
export function joinEncoders(encoders: readonly TextEncoder[], empty: 'encoded' | 'zeros'): PromptEncoder {
  const pooling = encoders.findLastIndex(({ hasPooled }) => hasPooled)
  const encode = async (prompt: string, tokens?: Tokens): Promise<Conditioning> => {
    const found: Conditioning[] = []
    for (const [index, encoder] of encoders.entries()) found.push(await encoder.encode(prompt, tokens?.[index]))
    return { hiddenStates: sideBySide(found.map(({ hiddenStates }) => hiddenStates)), pooled: found[pooling]?.pooled }
  }
  return {
    tokenWidths: encoders.map(({ tokenWidth }) => tokenWidth),
    tokenNorms: (words) => encoders.map((encoder) => encoder.tokenNorm(words)),
    embedWords: (text, most) => encoders.map((encoder) => encoder.wordEmbeddings(text, most)),
    encode: async (prompt, tokens) => {
      const found = await encode(prompt, tokens)
      if (empty === 'encoded' || prompt !== '' || tokens) return found
      return { hiddenStates: tensor(found.hiddenStates.dims), pooled: found.pooled && tensor(found.pooled.dims) }
    },
    gradient: async (prompt, tokens, { hiddenStates, pooled }) => {
      const widths = encoders.map(({ tokenWidth }) => tokenWidth)
      const states = hiddenStates && apart(hiddenStates, widths)
      const gradients: Tensor[] = []
      for (const [index, encoder] of encoders.entries()) {
        const cotangent = { hiddenStates: states?.[index], pooled: index === pooling ? pooled : undefined }
        gradients.push(await encoder.gradient(prompt, tokens[index]!, cotangent))
      }
      return gradients
    },
    projecting: encoders[pooling],
    close: async () => {
      await Promise.all(encoders.map((encoder) => encoder.close()))
    },
  }
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

/** The inverse. */
function apart(joined: Tensor, widths: readonly number[]): Tensor[] {
  if (widths.length === 1) return [joined]
  const lead = joined.dims.slice(0, -1)
  const width = joined.dims.at(-1)!
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
