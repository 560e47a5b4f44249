import type { DiffusionModel } from '../diffusion/model.ts'
import {
  type Applied,
  differenceGuidance,
  invert,
  type Path,
  sample,
  type TrajectoryOptions,
} from '../diffusion/sampler.ts'
import { combine } from '../tensor/math.ts'
import type { Random } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Method } from './modes.ts'

export interface InversionEdit {
  readonly differences: readonly Applied[]
  readonly preserve: number
}

/**
 * Editing as in the paper: the picture's noise is found by DDIM without guidance, and sampled from under guidance with
 * the differences. `preserve` moves from fresh noise (0) to that noise (1) along a quarter circle, which keeps the
 * variance.
 *
 * @param latents x₀, [1, channels, height, width].
 */
export async function editByInversion(
  model: DiffusionModel,
  latents: Tensor,
  prompt: string,
  edits: readonly InversionEdit[],
  { guidanceScale, editSteps: steps }: Method,
  { random, signal, onInvert, onStep }: InversionContext,
): Promise<Tensor[]> {
  const fresh = random.fork('noise').normal(latents.dims)
  const isKept = edits.some(({ preserve }) => preserve > 0)
  const unguided = { latents, guidance: await differenceGuidance(model, prompt, [], 1) }
  const [own] = isKept
    ? await invert(model, [unguided], { steps, signal, onStep: (step) => onInvert?.(step, steps) })
    : [fresh]
  const paths: Path[] = []
  for (const { differences, preserve } of edits) {
    const angle = ((1 - preserve) * Math.PI) / 2
    paths.push({
      latents: combine([Math.cos(angle), own!], [Math.sin(angle), fresh]),
      guidance: await differenceGuidance(model, prompt, differences, guidanceScale),
    })
  }
  return sample(model, paths, { steps, signal, onStep })
}

export interface InversionContext extends Pick<TrajectoryOptions, 'signal' | 'onStep'> {
  readonly random: Random
  readonly onInvert?: (step: number, of: number) => void
}
