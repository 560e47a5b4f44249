import type { Random } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'

export type Stage = 'caption' | 'learn' | 'try' | 'invert' | 'sample'

export interface RunContext {
  readonly random: Random
  readonly signal?: AbortSignal
  /** Awaited if it is given `picture`: B′ as it forms, pixels [3, side, side] in −1…1. */
  readonly onProgress?: (
    stage: Stage,
    step: number,
    of: number,
    picture?: () => Promise<Tensor>,
  ) => void | Promise<void>
}
