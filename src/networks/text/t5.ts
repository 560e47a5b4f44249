import { join } from 'node:path'
import { openForward } from '../../compute/differentiable.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import type { ModelLayout } from '../layout.ts'
import { loadT5Tokenizer } from './t5-tokenizer.ts'

/** Reads a plain prompt: difference tokens do not pass through it. */
export interface PlainEncoder {
  readonly length: number
  /** [1, length, width] */
  encode(prompt: string): Promise<Tensor>
  close(): Promise<void>
}

/**
 * Reads T5, `text_encoder_3/` and `tokenizer_3/`, or with another `suffix`. If the folder lacks it, its states are
 * zeros: Stable Diffusion 3 was trained to do without.
 * It always runs on the CPU: it is the largest network and runs once for each prompt.
 * @param size Of its states.
 */
export async function openT5(
  layout: ModelLayout,
  suffix: '_2' | '_3',
  { length, width }: { readonly length: number; readonly width: number },
): Promise<PlainEncoder> {
  const part = `text_encoder${suffix}` as const
  if (!layout.has(part)) return { length, encode: async () => tensor([1, length, width]), close: async () => {} }
  const idsOf = await loadT5Tokenizer(join(layout.path, `tokenizer${suffix}`))
  const network = await openForward({ graph: layout.graph(part), name: part })
  /** Learning asks for the same few prompts hundreds of times, and T5 is the largest network. */
  const known = new Map<string, Promise<Tensor>>()
  const encode = async (prompt: string) => {
    const ids = { dims: [1, length], data: Int32Array.from(idsOf(prompt, length)) }
    const { last_hidden_state } = await network.run({ input_ids: ids })
    return last_hidden_state!
  }
  return {
    length,
    encode: (prompt) => {
      const states = known.get(prompt) ?? encode(prompt)
      known.delete(prompt)
      known.set(prompt, states)
      if (known.size > MOST_KNOWN) known.delete(known.keys().next().value!)
      return states
    },
    close: () => network.close(),
  }
}

/** A number of prompts, of 4 MB each. */
const MOST_KNOWN = 16
