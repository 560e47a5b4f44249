import { combine } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { DiffusionModel } from './model.ts'
import { type Path, predict, type SampleOptions } from './sampler.ts'
import type { Seen } from './samplers/sampler.ts'
import { samplerOf } from './samplers/table.ts'

/** A picture's noise for the model's own sampler. */
interface EditFriendlyNoise {
  /** x at the first noise level. */
  readonly start: Tensor
  /** For each step, what is missing to end at the picture's own x: as large as the latents. */
  readonly residuals: readonly Tensor[]
}

/**
 * Edit-friendly inversion (arXiv 2304.06140) for any sampler, in as few as one step. At every noise level the picture
 * (`path.latents`, x₀) gets noise of its own, and the residual of the sampler's step to the next level is kept. Sampled
 * with the residuals under the same guidance, the picture is reproduced; under another guidance, the difference of the
 * two predictions is added.
 *
 * @param options `noise` of the steps 1…steps: that of x at the noise level where the step begins.
 */
export async function invertEditFriendly(
  model: DiffusionModel,
  { latents, guidance }: Path,
  {
    steps,
    noise,
    signal,
    onStep,
  }: Omit<SampleOptions, 'sampler' | 'onStep'> & {
    readonly noise: (step: number) => Tensor
    readonly onStep?: (step: number) => void
  },
): Promise<EditFriendlyNoise> {
  const { schedule } = model
  const sampler = samplerOf(schedule.config.sampler)
  const noiseLevels = sampler.noiseLevels(schedule, steps)
  const own = noiseLevels.map(({ signal, sigma }, index) =>
    index === steps ? latents : combine([signal, latents], [sigma, noise(index + 1)]),
  )
  const none = combine([0, latents])
  const residuals: Tensor[] = []
  let before: Seen | undefined
  for (const [index, { timestep }] of noiseLevels.slice(0, -1).entries()) {
    signal?.throwIfAborted()
    const noisy = own[index]!
    const [output] = await predict(model, [noisy], [{ latents, guidance }], timestep)
    const seen = { noisy, output: output! }
    const next = sampler.step(schedule, { ...seen, before, noiseLevels, index, noise: () => none })
    residuals.push(combine([1, own[index + 1]!], [-1, next]))
    before = seen
    onStep?.(index + 1)
  }
  return { start: own[0]!, residuals }
}
