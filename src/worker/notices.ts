import type { DiffusionModel } from '../diffusion/model.ts'
import type { Difference } from '../engine/difference.ts'
import { meanSquare } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** What a job does without when the model came without a captioner or CLIP’s joint space, in sentences. */
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
      `The model “${name}” comes with no captioner${nor}: the difference was learned from the pictures alone, without captions${clip}.`,
    )
  }
  if (caption && !joint && does === 'learn') {
    sentences.push(
      `The model “${name}” comes without CLIP’s encoders: the difference was learned without the CLIP loss.`,
    )
  }
  if (!caption && prompt === undefined) {
    sentences.push(
      `The model “${name}” cannot tell what the picture to change shows: say it in your own words, and the result will keep more of it.`,
    )
  }
  return sentences
}

/** Where A and A′ are nearly the same there is little to learn. @param pairs Pixels in −1…1. */
export function hardlyDifferent(pairs: readonly { readonly a: Tensor; readonly a2: Tensor }[]): string[] {
  return pairs.flatMap(({ a, a2 }, index) => {
    const which = index === 0 ? '' : ` of pair ${index + 1}`
    if (Math.sqrt(meanSquare(a, a2)) >= SEEN) return []
    return [`A and A′${which} hardly differ, so there may be nothing to learn: give two that differ more.`]
  })
}

/** Saving a picture as a JPEG changes it by less. */
const SEEN = 0.06

/** What of a difference file the model has no use for, in sentences. @param file What the person calls it. */
export function leftOut(file: string, { ignored = [] }: Difference, { name }: DiffusionModel): string[] {
  return ignored.map(
    (each) =>
      `${file} also holds tokens for a text encoder that the model “${name}” does not have (${each}): they are left out.`,
  )
}
