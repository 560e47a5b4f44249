import { concatenate, rows } from '../../tensor/math.ts'
import type { Tensor } from '../../tensor/tensor.ts'

/**
 * The same, but each text is embedded once: captions are found by trying many that differ in a phrase, and the captions of A, of A′
 * and the name of their difference are found among the same ones. The oldest are forgotten.
 *
 * @param embed prompts → [n, width]
 * @param most Texts that are remembered.
 */
export function rememberTexts(
  embed: (prompts: readonly string[]) => Promise<Tensor>,
  most = 8192,
): (prompts: readonly string[]) => Promise<Tensor> {
  const known = new Map<string, Tensor>()
  return async (prompts) => {
    const missing = [...new Set(prompts.filter((prompt) => !known.has(prompt)))]
    const found = missing.length > 0 ? await embed(missing) : undefined
    for (const [index, prompt] of missing.entries()) known.set(prompt, rows(found!, index, index + 1))
    const texts = concatenate(prompts.map((prompt) => known.get(prompt)!))
    for (const prompt of known.keys()) {
      if (known.size <= most) break
      known.delete(prompt)
    }
    return texts
  }
}
