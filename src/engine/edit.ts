import type { DiffusionModel } from '../diffusion/model.ts'
import type { Applied } from '../diffusion/sampler.ts'
import { meanSquare } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { changeMask } from './blend.ts'
import { type DeltaOptions, editByDelta } from './delta-editing.ts'
import { editByInversion } from './inversion-editing.ts'
import type { Method } from './modes.ts'

/** A picture that differences are applied to. */
export interface Subject {
  /** [3, side, side] in −1…1. */
  readonly pixels: Tensor
  /** The model's caption. */
  readonly prompt: string
  readonly latents: Tensor
  /** The decoded latents. */
  readonly rebuilt: Tensor
  /** The root mean square of the autoencoder's error on it. */
  readonly error: number
}

export async function subjectOf(model: DiffusionModel, pixels: Tensor, prompt: string): Promise<Subject> {
  const latents = await model.encodePicture(pixels)
  const rebuilt = await model.decodeLatents(latents)
  return { pixels, prompt, latents, rebuilt, error: Math.sqrt(meanSquare(rebuilt, pixels)) }
}

export interface Edit {
  readonly differences: readonly Applied[]
  readonly preserve: number
}

export interface Edited {
  /** [3, side, side] in −1…1. */
  readonly pixels: Tensor
  /** Where it was changed: [side, side] in 0…1. */
  readonly mask: Tensor
}

/** The picture with each of the edits, all in one batch. */
export async function editPicture(
  model: DiffusionModel,
  subject: Subject,
  edits: readonly Edit[],
  method: Method,
  { random, signal, onInvert, onStep }: EditContext,
): Promise<Edited[]> {
  const { latents, prompt, rebuilt, error } = subject
  const steps = method.editSteps
  const made =
    method.editing === 'delta'
      ? await editByDelta(model, latents, prompt, edits, { steps, random, signal, onStep })
      : await editByInversion(model, latents, prompt, edits, method, {
          random,
          signal,
          onInvert,
          onStep: (step, originals) => onStep?.(step, originals, steps),
        })
  const pictures: Edited[] = []
  for (const each of made) {
    const pixels = await model.decodeLatents(each)
    pictures.push({ pixels, mask: changeMask(pixels, rebuilt, error) })
  }
  return pictures
}

export interface EditContext extends Pick<DeltaOptions, 'random' | 'signal' | 'onStep'> {
  readonly onInvert?: (step: number, of: number) => void
}
