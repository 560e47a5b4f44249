import type { Tensor } from '../../tensor/tensor.ts'
import type { NoiseLevel, Schedule } from '../schedule.ts'

/** From noise to pictures, in steps of its own. */
export interface Sampler {
  /** The noise levels where `count` steps begin, the noisiest first, followed by the level where the last one ends. */
  noiseLevels(schedule: Schedule, count: number): NoiseLevel[]
  /** x at the next noise level. */
  step(schedule: Schedule, step: Step): Tensor
}

/** x_t at a noise level, and the network's output there. */
export interface Seen {
  readonly noisy: Tensor
  readonly output: Tensor
}

interface Step extends Seen {
  readonly noiseLevels: readonly NoiseLevel[]
  /** The index of the noise level where this step begins. */
  readonly index: number
  /** The previous step; none at the first noise level. */
  readonly before?: Seen
  /** Fresh noise for this step, as large as x: the same, however often it is asked for. */
  readonly noise: () => Tensor
}
