import { type Tensor, tensor } from '../../tensor/tensor.ts'
import type { ModelLayout } from '../layout.ts'
import { openTextNetwork, type TextNetwork } from './text-network.ts'

/** T5, in whose tokens the difference lives, too. */
export interface T5 extends Pick<TextNetwork, 'length' | 'close'> {
  /** Absent if the model does without it. */
  readonly words?: Pick<TextNetwork, 'tokenWidth' | 'tokenNorm' | 'wordEmbeddings'>
  /** [1, length, width] */
  encode(prompt: string, tokens?: Tensor): Promise<Tensor>
  /** The gradient with respect to the tokens of Σ cotangent · states. */
  gradient(prompt: string, tokens: Tensor, cotangent: Tensor): Promise<Tensor>
}

/**
 * Reads T5, `text_encoder_3/` and `tokenizer_3/`, or those with `_2`. If the model lacks it, its states are zeros: Stable
 * Diffusion 3 was trained to do without. It always runs on the CPU: it is the largest network, and its states leave the
 * range of half precision.
 */
export async function openT5(
  layout: ModelLayout,
  part: 'text_encoder_2' | 'text_encoder_3',
  { length, width, cacheFolder }: { readonly length: number; readonly width: number; readonly cacheFolder?: string },
): Promise<T5> {
  if (!layout.has(part)) {
    const nothing = async () => tensor([1, length, width])
    return { length, encode: nothing, gradient: async (_, tokens) => tensor(tokens.dims), close: async () => {} }
  }
  const tokenizer = await layout.t5Tokenizer(part, length)
  const network = await openTextNetwork({
    graph: layout.graph(part),
    name: part,
    tokenizer,
    outputs: [STATES],
    cacheFolder,
  })
  /** Learning asks for the same few prompts hundreds of times. */
  const known = new Map<string, Promise<Tensor>>()
  const encode = async (prompt: string, tokens?: Tensor) => (await network.run([prompt], tokens))[STATES]!
  return {
    length,
    words: network,
    encode: (prompt, tokens) => {
      if (tokens) return encode(prompt, tokens)
      const states = known.get(prompt) ?? encode(prompt)
      known.delete(prompt)
      known.set(prompt, states)
      if (known.size > MOST_KNOWN) known.delete(known.keys().next().value!)
      return states
    },
    gradient: (prompt, tokens, cotangent) => network.gradient(prompt, tokens, { [STATES]: cotangent }),
    close: () => network.close(),
  }
}

const STATES = 'last_hidden_state'

/** A number of prompts, of 4 MB each. */
const MOST_KNOWN = 16
