import type { NoiseLevel, Schedule } from '../schedule.ts'

// Some samplers are written for x = x₀ + σ·ε, where σ = sigma ÷ signal is unbounded. Here x stays as the network sees
// it.

/** σ of every training timestep, increasing. */
export function trainedSigmas({ config, level }: Schedule): number[] {
  return Array.from({ length: config.trainTimesteps }, (_, timestep) => {
    const { signal, sigma } = level(timestep)
    return sigma / signal
  })
}

/** The noise level of x = x₀ + σ·ε after scaling it to the variance of ε. */
export function stopAt(sigma: number, timestep: number): NoiseLevel {
  const signal = 1 / Math.sqrt(sigma ** 2 + 1)
  return { timestep, signal, sigma: sigma * signal }
}

/** Linear between whole timesteps. */
export function sigmaAt(sigmas: readonly number[], timestep: number): number {
  const below = Math.min(Math.floor(timestep), sigmas.length - 1)
  const above = Math.min(below + 1, sigmas.length - 1)
  return sigmas[below]! + (sigmas[above]! - sigmas[below]!) * (timestep - below)
}

/** Its inverse, linear in log σ. */
export function timestepAtSigma(sigmas: readonly number[], sigma: number): number {
  const found = sigmas.findLastIndex((each) => each <= sigma)
  const below = Math.min(Math.max(found, 0), sigmas.length - 2)
  const [low, high] = [Math.log(sigmas[below]!), Math.log(sigmas[below + 1]!)]
  return below + Math.min(1, Math.max(0, (Math.log(sigma) - low) / (high - low)))
}

/** Eq. 5 of arXiv 2206.00364 with ρ = 7: `count` of them, the largest first. */
export function karrasSigmas(from: number, to: number, count: number): number[] {
  const [first, last] = [from ** (1 / 7), to ** (1 / 7)]
  return Array.from({ length: count }, (_, index) => (first + ((last - first) * index) / Math.max(count - 1, 1)) ** 7)
}
