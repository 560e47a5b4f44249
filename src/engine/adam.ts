import { type Tensor, tensor } from '../tensor/tensor.ts'

export interface AdamOptions {
  /** The number of updates over which the learning rate falls. */
  readonly steps: number
  /** From the first update to (nearly) the last, along half a cosine. */
  readonly learningRate: { readonly from: number; readonly to: number }
  /** Decoupled from the gradient, as in AdamW (arXiv 1711.05101). @default 0 */
  readonly weightDecay?: number
  /** @default 0.9 */
  readonly beta1?: number
  /** @default 0.999 */
  readonly beta2?: number
  /** @default 1e-8 */
  readonly epsilon?: number
}

/** Adam (arXiv 1412.6980) for one tensor. It remembers that tensor's moments, so make one for each. */
export function adam(options: AdamOptions): (parameters: Tensor, gradient: Tensor) => Tensor {
  const { steps, learningRate, weightDecay = 0, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options
  let updates = 0
  let means = new Float64Array()
  let squares = new Float64Array()

  return (parameters, gradient) => {
    const size = parameters.data.length
    if (gradient.data.length !== size)
      throw new RangeError(`Expected a gradient of [${parameters.dims}], got [${gradient.dims}]`)
    if (updates === 0) [means, squares] = [new Float64Array(size), new Float64Array(size)]
    const rate = cosineRate(learningRate, updates, steps)
    updates++
    const meanScale = 1 / (1 - beta1 ** updates)
    const squareScale = 1 / (1 - beta2 ** updates)
    const next = parameters.data.map((value, index) => {
      const slope = gradient.data[index]!
      const mean = beta1 * means[index]! + (1 - beta1) * slope
      const square = beta2 * squares[index]! + (1 - beta2) * slope * slope
      means[index] = mean
      squares[index] = square
      return value * (1 - rate * weightDecay) - (rate * mean * meanScale) / (Math.sqrt(square * squareScale) + epsilon)
    })
    return tensor(parameters.dims, next)
  }
}

/** The learning rate of update `step` of `steps`, counted from 0; it stays at `to` from then on. */
export function cosineRate({ from, to }: AdamOptions['learningRate'], step: number, steps: number): number {
  return to + ((from - to) * (1 + Math.cos((Math.PI * Math.min(step, steps)) / steps))) / 2
}
