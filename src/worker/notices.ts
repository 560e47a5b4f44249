import type { DiffusionModel } from '../diffusion/model.ts'
import type { Difference } from '../engine/difference.ts'
import { type Sentence, sentence } from '../sentence.ts'
import { meanSquare } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What a job does without because the model has no captioner or no CLIP encoders, in sentences. */
export function missingNetworks(
  { name: model, caption, joint }: DiffusionModel,
  does: 'learn' | 'apply',
  prompt?: string,
): Sentence[] {
  const sentences: Sentence[] = []
  if (!caption && does === 'learn') {
    sentences.push(
      joint
        ? sentence(
            'The model “{model}” has no captioner: the difference was learned from the pictures alone, without captions.',
            { model },
          )
        : sentence(
            'The model “{model}” has no captioner and no image encoder: the difference was learned from the pictures alone, without captions, and without the CLIP loss.',
            { model },
          ),
    )
  }
  if (caption && !joint && does === 'learn') {
    sentences.push(
      sentence('The model “{model}” has no CLIP encoders: the difference was learned without the CLIP loss.', {
        model,
      }),
    )
  }
  if (!caption && prompt === undefined) {
    sentences.push(
      sentence(
        'The model “{model}” can’t describe the picture to change: describe it in your own words, and the result will keep more of it.',
        { model },
      ),
    )
  }
  return sentences
}

/** If A and A′ are nearly the same there is little to learn. @param pairs Pixels in −1…1. */
export function hardlyDifferent(pairs: readonly { readonly a: Tensor; readonly a2: Tensor }[]): Sentence[] {
  return pairs.flatMap(({ a, a2 }, index) => {
    if (Math.sqrt(meanSquare(a, a2)) >= SEEN) return []
    if (index === 0) {
      return sentence('A and A′ hardly differ, so there may be nothing to learn: give two that differ more.')
    }
    return sentence(
      'A and A′ of pair {number} hardly differ, so there may be nothing to learn: give two that differ more.',
      { number: index + 1 },
    )
  })
}

/** More than saving a picture as a JPEG changes it. */
const SEEN = 0.06

/** The tensors of a difference file that the model can't use, in sentences. @param file The person's name for it. */
export function leftOut(
  file: string | Sentence,
  { ignored = [] }: Difference,
  { name: model }: DiffusionModel,
): Sentence[] {
  return ignored.map((tensor) =>
    sentence(
      '{file} also holds tokens for a text encoder that the model “{model}” does not have ({tensor}): they are ignored.',
      { file, model, tensor },
    ),
  )
}
