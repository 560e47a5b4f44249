import { combine } from '../tensor/math.ts'
import type { Random } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import type { Method } from './modes.ts'
import type { Caption, Networks } from './networks.ts'
import { type Applied, differenceGuidance, invert, type Path, type SampleOptions, sample } from './sampler.ts'
import { drawsNoise } from './samplers/table.ts'

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
  const { random, signal, onStep } = handles
  const { refinements, guidanceScale, prompts, sampleSteps: steps } = method
  const walks = walksOf(networks, method)
  const inverted = new Map<string, Promise<Tensor>>()
  const noiseOf = (prompt: string) => {
    const noise = inverted.get(prompt) ?? inversionOf(prompt)
    inverted.set(prompt, noise)
    return noise
  }
  const inversionOf = async (prompt: string) => {
    const guidance = await differenceGuidance(networks, prompt, [], 1)
    const options = { steps, refinements, signal, onStep: (step: number) => onStep?.(step, steps) }
    const [noise] = await invert(networks, [{ latents, guidance }], options)
    return noise!
  }
  const fresh = random.fork('noise').normal(latents.dims)
  return {
    /** Between the picture's own noise (`preserve` 1) and fresh noise (0) along a quarter circle, which keeps its variance. */
    way: async (differences: readonly Applied[], preserve: number): Promise<Way> => {
      const walk = preserve === 0 ? walks.fresh : walks.kept
      const prompt = prompts === 'thing' || (prompts === 'mixed' && preserve === 1) ? caption.thing : caption.full
      const angle = ((1 - preserve) * Math.PI) / 2
      const start =
        walk === walks.kept ? combine([Math.cos(angle), await noiseOf(prompt)], [Math.sin(angle), fresh]) : fresh
      const scale =
        networks.sampling?.guidanceScale ?? preserve * guidanceScale.kept + (1 - preserve) * guidanceScale.fresh
      return {
        path: { latents: start, guidance: await differenceGuidance(networks, prompt, differences, scale) },
        walk,
      }
    },
  }
}

/**
 * From a picture's own noise no way that draws other noise leads back to it: rebuilt by `emoji`, latents of 0.41 were off by
 * 0.165 with Euler's ancestral steps, and by 0.025 with DDIM and with DPM-Solver++ alike.
 */
function walksOf({ schedule, sampling }: Networks, { sampler, sampleSteps }: Method) {
  const isDrawn = drawsNoise(schedule.config.sampler)
  const kept: Walk = { steps: sampleSteps, sampler: isDrawn ? 'ddim' : sampler }
  if (sampler === 'ddim' || !(isDrawn || sampling)) return { kept, fresh: kept }
  return { kept, fresh: { steps: sampling?.steps ?? sampleSteps, sampler } satisfies Walk }
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
