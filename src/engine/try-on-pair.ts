import type { DiffusionModel, Tokens } from '../diffusion/model.ts'
import { meanSquare } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { blend } from './blend.ts'
import { type Edited, editPicture, subjectOf } from './edit.ts'
import type { Application, Method } from './modes.ts'
import type { RunContext } from './run-context.ts'

/** What was found on the pair. */
export interface Trial extends Application {
  /** 1 − distance(D applied to A, A′) ÷ distance(A, A′), at best 1. */
  readonly fit: number
}

/**
 * Applies D to A with every candidate and takes the one that comes nearest to A′. What was given is not chosen.
 *
 * @param a and `a2`: pixels [3, side, side] in −1…1.
 */
export async function tryOnPair(
  model: DiffusionModel,
  { a, a2 }: { readonly a: Tensor; readonly a2: Tensor },
  prompt: string,
  tokens: Tokens,
  method: Method,
  given: Partial<Application>,
  { onProgress, ...context }: RunContext,
): Promise<Trial> {
  const subject = await subjectOf(model, a, prompt)
  const unchanged = meanSquare(a, a2)
  const candidates = distinct(method.candidates.map((candidate) => ({ ...candidate, ...definite(given) })))
  const edits = candidates.map(({ strength, preserve }) => ({ differences: [{ tokens, strength }], preserve }))
  const made = await editPicture(
    model,
    subject,
    edits,
    { ...method, editSteps: method.trySteps },
    {
      ...context,
      onStep: (step, _, of) => onProgress?.('try', step, of),
    },
  )
  const trials = candidates.flatMap((candidate, index) =>
    looksOf(a, made[index]!, method, given).map(({ pixels, isBlended }): Trial => {
      return { ...candidate, isBlended, fit: 1 - Math.sqrt(meanSquare(pixels, a2) / unchanged) }
    }),
  )
  return trials.reduce((best, trial) => (trial.fit > best.fit ? trial : best))
}

/** Plain, and blended with the picture if the method does so. */
function looksOf(picture: Tensor, { pixels, mask }: Edited, { blends }: Method, { isBlended }: Partial<Application>) {
  const blended = { pixels: blend(picture, pixels, mask), isBlended: true }
  const plain = { pixels, isBlended: false }
  if (!blends) return [plain]
  return isBlended === undefined ? [blended, plain] : [isBlended ? blended : plain]
}

function distinct(candidates: Method['candidates']): Method['candidates'] {
  return candidates.filter(({ strength, preserve }, index) => {
    return candidates.findIndex((other) => other.strength === strength && other.preserve === preserve) === index
  })
}

/** What was given, without what was left open. */
const definite = ({ strength, preserve }: Partial<Application>) => ({
  ...(strength !== undefined && { strength }),
  ...(preserve !== undefined && { preserve }),
})
