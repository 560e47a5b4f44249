import type { DiffusionModel } from '../diffusion/model.ts'
import { type Applied, differenceGuidance, type Guidance, predict } from '../diffusion/sampler.ts'
import { ddim } from '../diffusion/samplers/ddim.ts'
import { samplerOf } from '../diffusion/samplers/table.ts'
import type { NoiseLevel } from '../diffusion/schedule.ts'
import { combine } from '../tensor/math.ts'
import type { Random } from '../tensor/random.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'

/** One way of changing a picture. */
export interface DeltaEdit {
  readonly differences: readonly Applied[]
  /** λ, 0…1. @default 1 */
  readonly preserve?: number
}

export interface DeltaOptions {
  /** A few-step model uses its own number instead. */
  readonly steps: number
  readonly random: Random
  readonly signal?: AbortSignal
  /** Called after each step and awaited. `originals`: the pictures at this point, latents x₀. */
  readonly onStep?: (step: number, originals: () => readonly Tensor[], of: number) => void | Promise<void>
}

/**
 * Delta editing: a change d in the space of x₀, 0 at first, is carried down the noise levels. At each level, with
 * signal a and noise σ, fresh noise n is drawn, x_src = a·z + σ·n, x_tgt = x_src + a·d, and
 *
 *   d ← r·d + (1 − r)·[x̂₀(x_tgt; p + Σ s·(p,D − p)) − λ·x̂₀(x_src; p) − (1 − λ)·z],  r = (σ′/a′) ÷ (σ/a)
 *
 * with a′ and σ′ of the next level. With λ = 1 the network's error on the picture is in both predictions and cancels:
 * nothing has to be inverted, and what the differences don't touch stays. A smaller λ lets go of the picture. It is an
 * Euler step of FlowEdit (arXiv 2412.08629), written so that it holds for ε-, v- and flow models alike; edit-friendly
 * inversion (arXiv 2304.06140) without noise of its own is the same.
 *
 * @param latents z, [1, channels, height, width].
 * @param edits All see the same noise, and x̂₀(x_src; p) is computed once.
 * @returns z + d for each edit; exactly z for strength 0 and λ = 1
 */
export async function editByDelta(
  model: DiffusionModel,
  latents: Tensor,
  prompt: string,
  edits: readonly DeltaEdit[],
  options: DeltaOptions,
): Promise<Tensor[]> {
  const guided = (differences: readonly Applied[]) =>
    differenceGuidance(model, prompt, differences, model.sampling?.guidanceScale ?? 1)
  const targets = await Promise.all(
    edits.map(async ({ differences, preserve = 1 }) => ({ guidance: await guided(differences), preserve })),
  )
  return editBetween(model, latents, await guided([]), targets, options)
}

/** The same between any two conditionings of the network, from `source` to each of `targets`. */
export async function editBetween(
  model: DiffusionModel,
  latents: Tensor,
  source: Guidance,
  targets: readonly { readonly guidance: Guidance; readonly preserve: number }[],
  { steps, random, signal, onStep }: DeltaOptions,
): Promise<Tensor[]> {
  const { schedule } = model
  const levels = noiseLevelsOf(model, steps)
  const paths = [source, ...targets.map(({ guidance }) => guidance)].map((guidance) => ({ latents, guidance }))
  let changes = targets.map(() => tensor(latents.dims))
  const edited = () => changes.map((change) => combine([1, latents], [1, change]))
  for (const [index, level] of levels.slice(0, -1).entries()) {
    signal?.throwIfAborted()
    const noise = random.fork(`step ${index + 1}`).normal(latents.dims)
    const noisySource = combine([level.signal, latents], [level.sigma, noise])
    const noisy = [noisySource, ...changes.map((change) => combine([1, noisySource], [level.signal, change]))]
    const outputs = await predict(model, noisy, paths, level.timestep)
    const [before, ...after] = outputs.map((output, path) => schedule.predictedOriginal(output, noisy[path]!, level))
    const kept = keptShare(level, levels[index + 1]!)
    changes = changes.map((change, path) => {
      const { preserve } = targets[path]!
      const from = combine([preserve, before!], [1 - preserve, latents])
      return combine([kept, change], [1 - kept, after[path]!], [kept - 1, from])
    })
    await onStep?.(index + 1, edited, levels.length - 1)
  }
  return edited()
}

/** A few-step model uses its own sampler's levels: it knows no others. */
function noiseLevelsOf({ schedule, sampling }: DiffusionModel, steps: number): readonly NoiseLevel[] {
  const sampler = sampling ? samplerOf(schedule.config.sampler) : ddim
  return sampler.noiseLevels(schedule, sampling?.steps ?? steps)
}

/** r: how much of the noise that hides x₀ remains after the step. */
function keptShare(from: NoiseLevel, to: NoiseLevel): number {
  return (to.sigma * from.signal) / (to.signal * from.sigma)
}
