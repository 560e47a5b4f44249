import { combine } from '../../tensor/math.ts'
import { roundHalfToEven } from '../round.ts'
import type { NoiseLevel, Schedule } from '../schedule.ts'
import type { EulerConfig } from './config.ts'
import { ddim } from './ddim.ts'
import type { Sampler } from './sampler.ts'
import { karrasSigmas, sigmaAt, stopAt, timestepAtSigma, trainedSigmas } from './sigmas.ts'

/**
 * Euler's method along σ (arXiv 2206.00364), which is a DDIM step between noise levels that need not be whole
 * timesteps.
 */
export function euler(config: EulerConfig): Sampler {
  return {
    noiseLevels: (schedule, count) => noiseLevelsOf(config, schedule, count),
    step(schedule, step) {
      const { noiseLevels, index, noise } = step
      const [from, to] = [noiseLevels[index]!, noiseLevels[index + 1]!]
      if (!config.ancestral || to.sigma === 0) return ddim.step(schedule, step)
      // Down to less noise than the next noise level has, and up again with fresh noise.
      const [sigma, next] = [from.sigma / from.signal, to.sigma / to.signal]
      const up = Math.sqrt((next ** 2 * (sigma ** 2 - next ** 2)) / sigma ** 2)
      const down = stopAt(Math.sqrt(next ** 2 - up ** 2), to.timestep)
      const lower = ddim.step(schedule, { ...step, noiseLevels: [from, down], index: 0 })
      return combine([to.signal / down.signal, lower], [to.signal * up, noise()])
    },
  }
}

function noiseLevelsOf(
  { spacing, stepsOffset, karras, end }: EulerConfig,
  schedule: Schedule,
  count: number,
): NoiseLevel[] {
  const total = schedule.config.trainTimesteps
  const sigmas = trainedSigmas(schedule)
  const last = stopAt(end === 'zero' ? 0 : sigmas[0]!, -1)
  const place = {
    leading: (index: number) => (count - 1 - index) * Math.floor(total / count) + stepsOffset,
    trailing: (index: number) => roundHalfToEven(total - (index * total) / count) - 1,
    linspace: (index: number) => ((count - 1 - index) * (total - 1)) / Math.max(count - 1, 1),
  }[spacing]
  const timesteps = Array.from({ length: count }, (_, index) => place(index))
  const spaced = timesteps.map((timestep) => stopAt(sigmaAt(sigmas, timestep), timestep))
  if (!karras) return [...spaced, last]
  const [from, to] = [sigmaAt(sigmas, timesteps[0]!), sigmaAt(sigmas, timesteps.at(-1)!)]
  return [...karrasSigmas(from, to, count).map((sigma) => stopAt(sigma, timestepAtSigma(sigmas, sigma))), last]
}
