import { combine, concatenate, repeat, rows, scale, type Term } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Conditioning, DiffusionModel, Tokens } from './model.ts'
import { ddim } from './samplers/ddim.ts'
import type { Seen } from './samplers/sampler.ts'
import { samplerOf } from './samplers/table.ts'
import type { NoiseLevel } from './schedule.ts'

/** ε = Σ weight · ε(x_t, conditioning): any guidance is such a sum. The weights add up to 1. */
export type Guidance = readonly { readonly weight: number; readonly conditioning: Conditioning }[]

/** One picture on its path. */
export interface Path {
  /** x_t [1, channels, height, width] */
  readonly latents: Tensor
  readonly guidance: Guidance
  /** What is added in each step (`invertEditFriendly`), and how much of the noise that the sampler draws remains. */
  readonly kept?: { readonly added: readonly Tensor[]; readonly drawn: number }
}

/** A difference behind B's prompt, and its strength. */
export interface Applied {
  readonly tokens: Tokens
  readonly strength: number
}

/**
 * Each difference is a term of its own, so that strength 0 rebuilds B, a negative one undoes, and several add, all
 * under classifier-free guidance w: ε = ε(∅) + w·[ε(p) + Σ s·(ε(p, D) − ε(p)) − ε(∅)]. With w = s = 1 it is ε(p, D),
 * with s = 1 the paper's guidance on the full prompt.
 */
export async function differenceGuidance(
  model: DiffusionModel,
  prompt: string,
  differences: readonly Applied[],
  guidanceScale: number,
): Promise<Guidance> {
  const strengths = differences.reduce((total, { strength }) => total + strength, 0)
  const terms = [
    { weight: 1 - guidanceScale, prompt: '', tokens: undefined },
    { weight: guidanceScale * (1 - strengths), prompt, tokens: undefined },
    ...differences.map(({ tokens, strength }) => ({ weight: guidanceScale * strength, prompt, tokens })),
  ]
  const used = terms.filter(({ weight }) => Math.abs(weight) > 1e-6)
  return Promise.all(
    used.map(async (term) => ({
      weight: term.weight,
      conditioning: await model.encodePrompt(term.prompt, term.tokens),
    })),
  )
}

export interface TrajectoryOptions {
  readonly steps: number
  readonly signal?: AbortSignal
  /**
   * Called after each step, 1…steps, and waited for. `originals` are the pictures (latents x₀) that the paths are on their way
   * to, as far as can be told at this step.
   */
  readonly onStep?: (step: number, originals: () => readonly Tensor[]) => void | Promise<void>
}

export interface SampleOptions extends TrajectoryOptions {
  /** The model's own sampler, or DDIM instead. @default 'ddim' */
  readonly sampler?: 'own' | 'ddim'
  /**
   * Fresh noise, as large as a path's latents, for a sampler that needs some in a step 1…steps: the same for all paths.
   */
  readonly noise?: (step: number) => Tensor
}

/** From noise to pictures (latents x₀), all paths in one batch. */
export async function sample(
  model: DiffusionModel,
  paths: readonly Path[],
  { steps, signal, onStep, noise, sampler: which }: SampleOptions,
): Promise<Tensor[]> {
  const { schedule } = model
  const sampler = which === 'own' ? samplerOf(schedule.config.sampler) : ddim
  const noiseLevels = sampler.noiseLevels(schedule, steps)
  let latents = paths.map((path) => path.latents)
  let before: readonly Seen[] = []
  for (const [index, from] of noiseLevels.slice(0, -1).entries()) {
    signal?.throwIfAborted()
    const fresh = () => {
      if (!noise) throw new TypeError('Expected `noise` for a sampler that draws fresh noise')
      return noise(index + 1)
    }
    const outputs = await predict(model, latents, paths, from.timestep)
    const seen = latents.map((noisy, path): Seen => ({ noisy, output: outputs[path]! }))
    latents = seen.map((now, path) => {
      const { kept } = paths[path]!
      const noise = () => (kept ? scale(fresh(), kept.drawn) : fresh())
      const next = sampler.step(schedule, { ...now, before: before[path], noiseLevels, index, noise })
      return kept ? combine([1, next], [1, kept.added[index]!]) : next
    })
    before = seen
    await onStep?.(index + 1, () =>
      seen.map((now) =>
        ddim.step(schedule, { ...now, noiseLevels: [from, noiseLevels.at(-1)!], index: 0, noise: fresh }),
      ),
    )
  }
  return latents
}

/**
 * DDIM backwards: the noise from which `sample` by DDIM with the same guidance and steps returns to these latents x₀.
 * The forward direction evaluates the network where a step arrived, so each step is repeated `refinements` times with
 * what the network says there, a fixed-point iteration of one evaluation each. @default 0
 */
export async function invert(
  model: DiffusionModel,
  paths: readonly Path[],
  { steps, signal, onStep, refinements = 0 }: TrajectoryOptions & { readonly refinements?: number },
): Promise<Tensor[]> {
  const { schedule } = model
  const noiseLevels = ddim.noiseLevels(schedule, steps).toReversed()
  let latents = paths.map((path) => path.latents)
  for (const [index, to] of noiseLevels.slice(1).entries()) {
    signal?.throwIfAborted()
    const from = noiseLevels[index]!
    const before = latents
    let directions: Tensor[] = []
    const towards = (level: NoiseLevel) =>
      before.map((each, path) => schedule.ddimStep(each, directions[path]!, from, level))
    for (let pass = 0; pass <= refinements; pass++) {
      const outputs = await predict(model, latents, paths, to.timestep)
      directions = outputs.map((output, path) => schedule.direction(output, latents[path]!, to))
      latents = towards(to)
    }
    await onStep?.(index + 1, () => towards(noiseLevels[0]!))
  }
  return latents
}

/** The network's output on each path, guided, at `latents` instead of the path's own. */
export async function predict(
  model: DiffusionModel,
  latents: readonly Tensor[],
  paths: readonly Path[],
  timestep: number,
): Promise<Tensor[]> {
  const asked = paths.flatMap(({ guidance }, path) =>
    guidance.map(({ conditioning }) => ({ conditioning, latents: latents[path]! })),
  )
  const outputs = await model.denoise({
    latents: concatenate(asked.map((each) => each.latents)),
    timesteps: asked.map(() => timestep),
    conditioning: joinConditionings(asked.map(({ conditioning }) => conditioning)),
  })
  let row = 0
  return paths.map(({ guidance }) => {
    const terms = guidance.map(({ weight }): Term => [weight, rows(outputs, row, ++row)])
    return combine(...terms)
  })
}

export function joinConditionings(parts: readonly Conditioning[]): Conditioning {
  const pooled = parts.flatMap((part) => part.pooled ?? [])
  return {
    hiddenStates: concatenate(parts.map(({ hiddenStates }) => hiddenStates)),
    pooled: pooled.length > 0 ? concatenate(pooled) : undefined,
  }
}

export const repeatConditioning = ({ hiddenStates, pooled }: Conditioning, count: number): Conditioning => ({
  hiddenStates: repeat(hiddenStates, count),
  pooled: pooled && repeat(pooled, count),
})
