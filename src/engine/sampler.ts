import { combine, concatenate, repeat, rows, type Term } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Conditioning, Networks, Tokens } from './networks.ts'

/** ε = Σ weight · ε(x_t, conditioning): any guidance is such a sum. The weights add up to 1. */
export type Guidance = readonly { readonly weight: number; readonly conditioning: Conditioning }[]

/** One picture on its way. */
export interface Path {
  /** x_t [1, channels, height, width] */
  readonly latents: Tensor
  readonly guidance: Guidance
}

/** A difference behind B's prompt, and how strongly it works. */
export interface Applied {
  readonly tokens: Tokens
  readonly strength: number
}

/**
 * Each difference as a term of its own, so that strength 0 rebuilds B, negative undoes, and several add, all under
 * classifier-free guidance w: ε = ε(∅) + w·[ε(p) + Σ s·(ε(p, D) − ε(p)) − ε(∅)]. With w = s = 1 it is ε(p, D), with s = 1
 * the paper's guidance on the full prompt.
 */
export async function differenceGuidance(
  networks: Networks,
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
      conditioning: await networks.encodePrompt(term.prompt, term.tokens),
    })),
  )
}

export interface SampleOptions {
  readonly steps: number
  readonly signal?: AbortSignal
  /**
  Called after each step, 1…steps, and waited for. `originals` are the pictures (latents x₀) that the paths are on their way
  to, as far as can be told at this step.
  */
  readonly onStep?: (step: number, originals: () => readonly Tensor[]) => void | Promise<void>
}

/** Deterministic DDIM from noise to pictures (latents x₀), all paths in one batch. */
export function sample(networks: Networks, paths: readonly Path[], options: SampleOptions): Promise<Tensor[]> {
  return walk(networks, paths, [...networks.schedule.ddimTimesteps(options.steps), -1], options)
}

/**
 * DDIM backwards: the noise from which `sample` with the same guidance and steps comes back to these latents x₀. The way
 * back asks the network where a step arrived; `refinements` times each step is taken again with what it says there, a
 * fixed-point iteration, at the cost of one more evaluation each. @default 0
 */
export function invert(
  networks: Networks,
  paths: readonly Path[],
  { refinements = 0, ...options }: SampleOptions & { readonly refinements?: number },
): Promise<Tensor[]> {
  const timesteps = [-1, ...networks.schedule.ddimTimesteps(options.steps).toReversed()]
  return walk(networks, paths, timesteps, options, refinements)
}

/** Going towards noise, what is predicted at the step's noisier end is the one that the way back will see. */
async function walk(
  networks: Networks,
  paths: readonly Path[],
  timesteps: readonly number[],
  { signal, onStep }: SampleOptions,
  refinements = 0,
): Promise<Tensor[]> {
  let latents = paths.map((path) => path.latents)
  for (let step = 1; step < timesteps.length; step++) {
    signal?.throwIfAborted()
    const [from, to] = [timesteps[step - 1]!, timesteps[step]!]
    const asked = Math.max(from, to)
    const before = latents
    let directions: Tensor[] = []
    const towards = (timestep: number) =>
      before.map((each, index) => networks.schedule.ddimStep(each, directions[index]!, from, timestep))
    for (let pass = 0; pass <= refinements; pass++) {
      directions = await predictDirections(networks, latents, paths, asked)
      latents = towards(to)
    }
    await onStep?.(step, () => towards(-1))
  }
  return latents
}

async function predictDirections(
  networks: Networks,
  latents: readonly Tensor[],
  paths: readonly Path[],
  timestep: number,
): Promise<Tensor[]> {
  const asked = paths.flatMap(({ guidance }, path) =>
    guidance.map(({ conditioning }) => ({ conditioning, latents: latents[path]! })),
  )
  const outputs = await networks.denoise({
    latents: concatenate(asked.map((each) => each.latents)),
    timesteps: asked.map(() => timestep),
    conditioning: joinConditionings(asked.map(({ conditioning }) => conditioning)),
  })
  let row = 0
  return paths.map(({ guidance }, path) => {
    const terms = guidance.map(({ weight }): Term => [weight, rows(outputs, row, ++row)])
    return networks.schedule.direction(combine(...terms), latents[path]!, timestep)
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
