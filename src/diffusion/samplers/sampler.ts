import type { Tensor } from '../../tensor/tensor.ts'
import type { Schedule, Stop } from '../schedule.ts'

/** From noise to pictures, in its own steps. */
export interface Sampler {
  /** Where `count` steps begin, the noisiest first, and after them where the last one ends. */
  stops(schedule: Schedule, count: number): Stop[]
  /** x at the next stop. */
  step(schedule: Schedule, step: Step): Tensor
}

/** x_t at a stop, and the network's output there. */
export interface Seen {
  readonly noisy: Tensor
  readonly output: Tensor
}

export interface Step extends Seen {
  readonly stops: readonly Stop[]
  /** Of the stop where this step begins. */
  readonly index: number
  /** The step before; none at the first stop. */
  readonly before?: Seen
  /** Fresh noise of this step, as large as x: the same, however often it is asked for. */
  readonly noise: () => Tensor
}
