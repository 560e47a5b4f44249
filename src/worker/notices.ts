import type { DiffusionModel } from '../diffusion/model.ts'
import type { Difference } from '../engine/difference.ts'
import { meanSquare } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What a job does without because the model has no captioner or no CLIP encoders, in sentences. */
export function missingNetworks(
  { name, caption, joint }: DiffusionModel,
  does: 'learn' | 'apply',
  prompt?: string,
): string[] {
  const sentences: string[] = []
  if (!caption && does === 'learn') {
    const nor = joint ? '' : ' and no image encoder'
    const clip = joint ? '' : ', and without the CLIP loss'
    sentences.push(
      `The model “${name}” has no captioner${nor}: the difference was learned from the pictures alone, without captions${clip}.`,
    )
  }
  if (caption && !joint && does === 'learn') {
    sentences.push(`The model “${name}” has no CLIP encoders: the difference was learned without the CLIP loss.`)
  }
  if (!caption && prompt === undefined) {
    sentences.push(
      `The model “${name}” can’t describe the picture to change: describe it in your own words, and the result will keep more of it.`,
    )
  }
  return sentences
}

/** If A and A′ are nearly the same there is little to learn. @param pairs Pixels in −1…1. */
export function hardlyDifferent(pairs: readonly { readonly a: Tensor; readonly a2: Tensor }[]): string[] {
  return pairs.flatMap(({ a, a2 }, index) => {
    const which = index === 0 ? '' : ` of pair ${index + 1}`
    if (Math.sqrt(meanSquare(a, a2)) >= SEEN) return []
    return [`A and A′${which} hardly differ, so there may be nothing to learn: give two that differ more.`]
  })
}

/** More than saving a picture as a JPEG changes it. */
const SEEN = 0.06

/** The tensors of a difference file that the model can't use, in sentences. @param file The person's name for it. */
export function leftOut(file: string, { ignored = [] }: Difference, { name }: DiffusionModel): string[] {
  return ignored.map(
    (each) =>
      `${file} also holds tokens for a text encoder that the model “${name}” does not have (${each}): they are ignored.`,
  )
}
