import { type EditFriendlyNoise, invertEditFriendly } from '../diffusion/edit-friendly-inversion.ts'
import type { Caption, DiffusionModel } from '../diffusion/model.ts'
import {
  type Applied,
  differenceGuidance,
  invert,
  type Path,
  type SampleOptions,
  sample,
} from '../diffusion/sampler.ts'
import { drawsNoise } from '../diffusion/samplers/table.ts'
import { combine, scale } from '../tensor/math.ts'
import type { Random } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Method } from './modes.ts'

/** From noise to a picture. */
export interface Trajectory {
  readonly path: Path
  readonly plan: SamplingPlan
}

type SamplingPlan = Pick<SampleOptions, 'steps' | 'sampler'>

export interface TrajectoryContext {
  readonly random: Random
  readonly signal?: AbortSignal
}

/** The trajectories from a picture (latents x₀ [1, channels, height, width]), whose noise is found once for each prompt. */
export function trajectoriesFrom(
  model: DiffusionModel,
  latents: Tensor,
  caption: Caption,
  method: Method,
  context: TrajectoryContext & { readonly onStep?: (step: number, of: number) => void },
) {
  const { random, signal } = context
  const { guidanceScale, prompts } = method
  const { sampling } = model
  const plans = plansOf(model, method)
  const noiseOf = once((prompt) => inverted(model, latents, prompt, method, context))
  const keptOf = once((prompt) => kept(model, latents, prompt, plans.fresh.steps, context))
  const fresh = random.fork('noise').normal(latents.dims)
  return {
    /** Between the picture's own noise (`preserve` 1) and fresh noise (0) along a quarter circle, which keeps its variance. */
    trajectory: async (differences: readonly Applied[], preserve: number): Promise<Trajectory> => {
      signal?.throwIfAborted()
      const prompt = prompts === 'thing' || (prompts === 'mixed' && preserve === 1) ? caption.thing : caption.full
      const angle = ((1 - preserve) * Math.PI) / 2
      const between = (own: Tensor) => combine([Math.cos(angle), own], [Math.sin(angle), fresh])
      const scaled = sampling?.guidanceScale ?? preserve * guidanceScale.kept + (1 - preserve) * guidanceScale.fresh
      const guidance = await differenceGuidance(model, prompt, differences, scaled)
      if (plans.kept !== plans.fresh && preserve === 0) return { path: { latents: fresh, guidance }, plan: plans.fresh }
      if (plans.kept) return { path: { latents: between(await noiseOf(prompt)), guidance }, plan: plans.kept }
      const { start, residuals } = await keptOf(prompt)
      const added = residuals.map((each) => scale(each, Math.cos(angle)))
      return { path: { latents: between(start), guidance, kept: { added, drawn: Math.sin(angle) } }, plan: plans.fresh }
    },
  }
}

/**
 * How the two ends of `preserve` are walked. From a picture's own noise no trajectory that draws other noise leads back to it:
 * rebuilt by `emoji`, latents of 0.41 were off by 0.165 with Euler's ancestral steps, and by 0.025 with DDIM and with
 * DPM-Solver++ alike. DDIM is no trajectory to a model of few steps, in however many: a network that says x₀ at once is no
 * direction to follow (an ideal one, of pictures of size 1, was off by up to 0.8 in 4 steps as in 50). It has `invertEditFriendly`.
 */
function plansOf({ schedule, sampling }: DiffusionModel, { sampler, sampleSteps: steps }: Method) {
  if (sampling && sampler === 'own') return { fresh: { steps: sampling.steps, sampler } satisfies SamplingPlan }
  const kept: SamplingPlan = { steps, sampler }
  if (sampler === 'ddim' || !drawsNoise(schedule.config.sampler)) return { kept, fresh: kept }
  return { kept: { steps, sampler: 'ddim' } satisfies SamplingPlan, fresh: kept }
}

type Noises = Parameters<typeof trajectoriesFrom>[4]

async function inverted(
  model: DiffusionModel,
  latents: Tensor,
  prompt: string,
  { refinements, sampleSteps: steps }: Method,
  { signal, onStep }: Noises,
): Promise<Tensor> {
  const guidance = await differenceGuidance(model, prompt, [], 1)
  const options = { steps, refinements, signal, onStep: (step: number) => onStep?.(step, steps) }
  const [noise] = await invert(model, [{ latents, guidance }], options)
  return noise!
}

async function kept(
  model: DiffusionModel,
  latents: Tensor,
  prompt: string,
  steps: number,
  { random, signal, onStep }: Noises,
): Promise<EditFriendlyNoise> {
  const guidance = await differenceGuidance(model, prompt, [], model.sampling!.guidanceScale)
  const own = random.fork('kept')
  const noise = (step: number) => own.fork(`step ${step}`).normal(latents.dims)
  return invertEditFriendly(
    model,
    { latents, guidance },
    { steps, noise, signal, onStep: (step) => onStep?.(step, steps) },
  )
}

/** Each prompt is asked for once, however many want it at the same time. */
function once<Found>(find: (prompt: string) => Promise<Found>): (prompt: string) => Promise<Found> {
  const found = new Map<string, Promise<Found>>()
  return (prompt) => {
    const known = found.get(prompt) ?? find(prompt)
    found.set(prompt, known)
    return known
  }
}

/** Pictures (latents x₀), those that go alike in one batch. `onStep`: as `sample` has it, over all of them. */
export async function sampleTrajectories(
  model: DiffusionModel,
  trajectories: readonly Trajectory[],
  { random, signal }: TrajectoryContext,
  onStep?: (step: number, of: number, originals: () => readonly Tensor[]) => void | Promise<void>,
): Promise<Tensor[]> {
  const plans = [...new Set(trajectories.map(({ plan }) => plan))]
  const of = plans.reduce((total, { steps }) => total + steps, 0)
  const made = new Map<Trajectory, Tensor>()
  let done = 0
  for (const plan of plans) {
    const alike = trajectories.filter((trajectory) => trajectory.plan === plan)
    const before = done
    const latents = await sample(
      model,
      alike.map(({ path }) => path),
      {
        ...plan,
        signal,
        noise: (step) => random.fork(`step ${step}`).normal([1, ...model.latentDims]),
        onStep: (step, originals) => onStep?.(before + step, of, originals),
      },
    )
    for (const [index, trajectory] of alike.entries()) made.set(trajectory, latents[index]!)
    done += plan.steps
  }
  return trajectories.map((trajectory) => made.get(trajectory)!)
}
