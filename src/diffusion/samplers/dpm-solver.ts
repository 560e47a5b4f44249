import { combine } from '../../tensor/math.ts'
import { roundHalfToEven } from '../round.ts'
import type { NoiseLevel, Schedule } from '../schedule.ts'
import type { DpmSolverConfig } from './config.ts'
import type { Sampler } from './sampler.ts'
import { karrasSigmas, stopAt, timestepAtSigma, trainedSigmas } from './sigmas.ts'

/** DPM-Solver++(2M), algorithm 2 of arXiv 2211.01095: x₀ is extrapolated from this step's and the previous one's. */
export function dpmSolver(config: DpmSolverConfig): Sampler {
  return {
    noiseLevels: (schedule, count) => noiseLevelsOf(config, schedule, count),
    step({ predictedOriginal }, { noisy, output, before, noiseLevels, index }) {
      const [from, to] = [noiseLevels[index]!, noiseLevels[index + 1]!]
      const ratio = to.sigma / from.sigma
      const original = predictedOriginal(output, noisy, from)
      // The paper's e^(−h) is the ratio of σ; h itself is infinite where the last step ends without noise.
      const weight = to.signal - ratio * from.signal
      if (!before || isFirstOrder(config, noiseLevels.length - 1, index))
        return combine([ratio, noisy], [weight, original])
      const earlier = noiseLevels[index - 1]!
      const half = (0.5 * (lambda(to) - lambda(from))) / (lambda(from) - lambda(earlier))
      const previous = predictedOriginal(before.output, before.noisy, earlier)
      return combine([ratio, noisy], [weight * (1 + half), original], [-weight * half, previous])
    },
  }
}

function isFirstOrder({ order, end, lowerOrderFinal, eulerAtFinal }: DpmSolverConfig, count: number, index: number) {
  const isEased = end === 'zero' || eulerAtFinal || (lowerOrderFinal && count < SHORT)
  return order === 1 || (index === count - 1 && isEased)
}

const SHORT = 15

/** λ, ½ of the log-SNR. */
const lambda = ({ signal, sigma }: NoiseLevel) => Math.log(signal / sigma)

function noiseLevelsOf(config: DpmSolverConfig, schedule: Schedule, count: number): NoiseLevel[] {
  const { spacing, stepsOffset, karras, end, lambdaMin } = config
  const total = schedule.config.trainTimesteps
  const sigmas = trainedSigmas(schedule)
  const last = stopAt(end === 'zero' ? 0 : sigmas[0]!, -1)
  if (karras) {
    const isWhole = 'betaSchedule' in schedule.config && schedule.config.betaSchedule !== 'squaredcos_cap_v2'
    const whole = isWhole ? roundHalfToEven : Math.floor
    const noiseLevels = karrasSigmas(sigmas.at(-1)!, sigmas[0]!, count)
    return [...noiseLevels.map((sigma) => stopAt(sigma, whole(timestepAtSigma(sigmas, sigma)))), last]
  }
  const used = sigmas.findLastIndex((sigma) => -Math.log(sigma) >= lambdaMin) + 1
  const place = {
    leading: (index: number) => (count - index) * Math.floor(used / (count + 1)) + stepsOffset,
    trailing: (index: number) => roundHalfToEven(used - (index * total) / count) - 1,
    linspace: (index: number) => roundHalfToEven(((count - index) * (used - 1)) / count),
  }[spacing]
  const timesteps = Array.from({ length: count }, (_, index) => place(index)).filter((timestep) => timestep >= 0)
  return [...timesteps.map((timestep) => stopAt(sigmas[timestep]!, timestep)), last]
}
