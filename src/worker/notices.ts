import type { DiffusionModel } from '../diffusion/model.ts'
import type { Difference } from '../engine/difference.ts'

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

/** What of a difference file the model has no use for, in sentences. @param file What the person calls it. */
export function leftOut(file: string, { ignored = [] }: Difference, { name }: DiffusionModel): string[] {
  return ignored.map(
    (each) =>
      `${file} also holds tokens for a text encoder that the model “${name}” does not have (${each}): they are left out.`,
  )
}
