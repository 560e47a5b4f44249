import { type KeptNoise, keepNoise } from '../diffusion/edit-friendly-inversion.ts'
import type { Caption, Networks } from '../diffusion/model.ts'
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
export interface Way {
  readonly path: Path
  readonly walk: Walk
}

type Walk = Pick<SampleOptions, 'steps' | 'sampler'>

export interface WayHandles {
  readonly random: Random
  readonly signal?: AbortSignal
}

/** The ways from a picture (latents x₀ [1, channels, height, width]), whose noise is found once for each prompt. */
export function waysFrom(
  networks: Networks,
  latents: Tensor,
  caption: Caption,
  method: Method,
  handles: WayHandles & { readonly onStep?: (step: number, of: number) => void },
) {
  const { random, signal } = handles
  const { guidanceScale, prompts } = method
  const { sampling } = networks
  const walks = walksOf(networks, method)
  const noiseOf = once((prompt) => inverted(networks, latents, prompt, method, handles))
  const keptOf = once((prompt) => kept(networks, latents, prompt, walks.fresh.steps, handles))
  const fresh = random.fork('noise').normal(latents.dims)
  return {
    /** Between the picture's own noise (`preserve` 1) and fresh noise (0) along a quarter circle, which keeps its variance. */
    way: async (differences: readonly Applied[], preserve: number): Promise<Way> => {
      signal?.throwIfAborted()
      const prompt = prompts === 'thing' || (prompts === 'mixed' && preserve === 1) ? caption.thing : caption.full
      const angle = ((1 - preserve) * Math.PI) / 2
      const between = (own: Tensor) => combine([Math.cos(angle), own], [Math.sin(angle), fresh])
      const scaled = sampling?.guidanceScale ?? preserve * guidanceScale.kept + (1 - preserve) * guidanceScale.fresh
      const guidance = await differenceGuidance(networks, prompt, differences, scaled)
      if (walks.kept !== walks.fresh && preserve === 0) return { path: { latents: fresh, guidance }, walk: walks.fresh }
      if (walks.kept) return { path: { latents: between(await noiseOf(prompt)), guidance }, walk: walks.kept }
      const { start, lacking } = await keptOf(prompt)
      const added = lacking.map((each) => scale(each, Math.cos(angle)))
      return { path: { latents: between(start), guidance, kept: { added, drawn: Math.sin(angle) } }, walk: walks.fresh }
    },
  }
}

/**
 * How the two ends of `preserve` are walked. From a picture's own noise no way that draws other noise leads back to it:
 * rebuilt by `emoji`, latents of 0.41 were off by 0.165 with Euler's ancestral steps, and by 0.025 with DDIM and with
 * DPM-Solver++ alike. DDIM is no way to a model of few steps, in however many: a network that says x₀ at once is no
 * direction to follow (an ideal one, of pictures of size 1, was off by up to 0.8 in 4 steps as in 50). It has `keepNoise`.
 */
function walksOf({ schedule, sampling }: Networks, { sampler, sampleSteps: steps }: Method) {
  if (sampling && sampler === 'own') return { fresh: { steps: sampling.steps, sampler } satisfies Walk }
  const kept: Walk = { steps, sampler }
  if (sampler === 'ddim' || !drawsNoise(schedule.config.sampler)) return { kept, fresh: kept }
  return { kept: { steps, sampler: 'ddim' } satisfies Walk, fresh: kept }
}

type Noises = Parameters<typeof waysFrom>[4]

async function inverted(
  networks: Networks,
  latents: Tensor,
  prompt: string,
  { refinements, sampleSteps: steps }: Method,
  { signal, onStep }: Noises,
): Promise<Tensor> {
  const guidance = await differenceGuidance(networks, prompt, [], 1)
  const options = { steps, refinements, signal, onStep: (step: number) => onStep?.(step, steps) }
  const [noise] = await invert(networks, [{ latents, guidance }], options)
  return noise!
}

async function kept(
  networks: Networks,
  latents: Tensor,
  prompt: string,
  steps: number,
  { random, signal, onStep }: Noises,
): Promise<KeptNoise> {
  const guidance = await differenceGuidance(networks, prompt, [], networks.sampling!.guidanceScale)
  const own = random.fork('kept')
  const noise = (step: number) => own.fork(`step ${step}`).normal(latents.dims)
  return keepNoise(networks, { latents, guidance }, { steps, noise, signal, onStep: (step) => onStep?.(step, steps) })
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
export async function sampleWays(
  networks: Networks,
  ways: readonly Way[],
  { random, signal }: WayHandles,
  onStep?: (step: number, of: number, originals: () => readonly Tensor[]) => void | Promise<void>,
): Promise<Tensor[]> {
  const walks = [...new Set(ways.map(({ walk }) => walk))]
  const of = walks.reduce((total, { steps }) => total + steps, 0)
  const made = new Map<Way, Tensor>()
  let done = 0
  for (const walk of walks) {
    const alike = ways.filter((way) => way.walk === walk)
    const before = done
    const latents = await sample(
      networks,
      alike.map(({ path }) => path),
      {
        ...walk,
        signal,
        noise: (step) => random.fork(`step ${step}`).normal([1, ...networks.latentDims]),
        onStep: (step, originals) => onStep?.(before + step, of, originals),
      },
    )
    for (const [index, way] of alike.entries()) made.set(way, latents[index]!)
    done += walk.steps
  }
  return ways.map((way) => made.get(way)!)
}
