import { combine } from '../../tensor/math.ts'
import type { LcmConfig } from './config.ts'
import type { Sampler } from './sampler.ts'

/** Multistep consistency sampling (arXiv 2310.04378): every step predicts x₀ again, and fresh noise is added to it. */
export function lcm({ originalSteps, timestepScaling }: LcmConfig): Sampler {
  return {
    noiseLevels({ config, level }, count) {
      if (!Number.isInteger(count) || count < 1 || count > originalSteps)
        throw new RangeError(`Expected 1 to ${originalSteps} steps, got ${count}`)
      const stride = Math.floor(config.trainTimesteps / originalSteps)
      const timesteps = Array.from(
        { length: count },
        (_, index) => (originalSteps - Math.floor((index * originalSteps) / count)) * stride - 1,
      )
      return [...timesteps.map((timestep) => ({ timestep, ...level(timestep) })), { timestep: -1, signal: 1, sigma: 0 }]
    },
    step({ predictedOriginal }, { noisy, output, noiseLevels, index, noise }) {
      const [from, to] = [noiseLevels[index]!, noiseLevels[index + 1]!]
      const original = combine(
        [skip(from.timestep * timestepScaling), noisy],
        [out(from.timestep * timestepScaling), predictedOriginal(output, noisy, from)],
      )
      return to.sigma === 0 ? original : combine([to.signal, original], [to.sigma, noise()])
    },
  }
}

// The boundary condition, eq. 9 of that paper, keeps a picture without noise as it is.
const DATA = 0.5
const skip = (time: number) => DATA ** 2 / (time ** 2 + DATA ** 2)
const out = (time: number) => time / Math.sqrt(time ** 2 + DATA ** 2)
