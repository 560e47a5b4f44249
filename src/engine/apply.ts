import type { Caption, DiffusionModel } from '../diffusion/model.ts'
import type { Applied } from '../diffusion/sampler.ts'
import { combine, cosine, unit } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { blend } from './blend.ts'
import { type Edited, editPicture, subjectOf } from './edit.ts'
import type { Application, Method } from './modes.ts'
import { type Said, unsaid } from './naming.ts'
import type { RunContext } from './run-context.ts'

export interface ApplyOptions extends Pick<Application, 'preserve' | 'isBlended'> {
  /** B in words. Otherwise the model captions it, if it can see. */
  readonly prompt?: string
}

export interface Applying extends Edited {
  readonly isBlended: boolean
  readonly caption?: string
}

/**
 * B′: the differences applied to B, as the model paints it. If `isBlended`, B's own pixels belong where `mask` is 0
 * (`blend`), which is everywhere if every strength is 0.
 */
export async function applyDifferences(
  model: DiffusionModel,
  b: Tensor,
  differences: readonly (Applied & Said)[],
  method: Method,
  { prompt, preserve, isBlended }: ApplyOptions,
  { onProgress, ...context }: RunContext,
): Promise<Applying> {
  onProgress?.('caption', 0, 1)
  const full = prompt ?? (await captionFor(model, b, differences)).full
  const subject = await subjectOf(model, b, full)
  const isNothing = differences.every(({ strength }) => strength === 0)
  const [made] = await editPicture(model, subject, [{ differences, preserve: isNothing ? 1 : preserve }], method, {
    ...context,
    onInvert: (step, of) => void onProgress?.('invert', step, of),
    onStep: (step, originals, of) => onProgress?.('sample', step, of, () => model.decodeLatents(originals()[0]!)),
  })
  const mask = isNothing ? combine([0, made!.mask]) : made!.mask
  return { pixels: made!.pixels, mask, isBlended: isBlended || isNothing, caption: full || undefined }
}

/** B's caption, without what is to be undone. */
async function captionFor(model: DiffusionModel, b: Tensor, differences: readonly (Applied & Said)[]) {
  const caption = (await model.caption?.(b)) ?? wordless
  const { variations } = model
  const undone = variations ? differences.filter(({ strength }) => strength < 0) : []
  return undone.reduce((made, difference) => unsaid(variations!, made, difference), caption)
}

/** The caption of a model that can't see. */
export const wordless: Caption = { thing: '', full: '', attributes: [] }

/** cos(E(B′) − E(B), moved), if the model can see: whether B became B′ as A became A′. */
export async function directionOf(
  model: DiffusionModel,
  b: Tensor,
  { pixels, mask, isBlended }: Applying,
  moved: Tensor | undefined,
): Promise<number | undefined> {
  if (!model.joint || !moved) return undefined
  const made = isBlended ? blend(b, pixels, mask) : pixels
  const [before, after] = [await model.joint.embedPicture(b), await model.joint.embedPicture(made)]
  return cosine(combine([1, unit(after)], [-1, unit(before)]), moved)
}
