import type { Flow, GraphBuilder } from './builder.ts'
import { add, linear, multiply, plainNorm, reshape } from './layers.ts'

/**
 * One of the rows of numbers that a block is told by the timestep and the pooled prompt: [1, width], from the `index`th
 * of the parts of `name`.
 * @param time [width], activated
 */
export function told(build: GraphBuilder, time: Flow, name: string, index: number): Flow {
  const width = time.dims[0]!
  const part = linear(build, time, name, { rows: [index * width, (index + 1) * width] })
  return reshape(build, part, [1, width])
}

/** AdaLN: the norm of x, times 1 + scale, plus shift. x: [length, width] */
export function modulated(build: GraphBuilder, x: Flow, shift: Flow, scale: Flow): Flow {
  const factor = build.node('Add', [scale.name, build.numbers([], [1])], scale.dims)
  return add(build, multiply(build, plainNorm(build, x, EPSILON), factor), shift)
}

/** The last norm, whose parts are scale and shift. */
export const modulatedLast = (build: GraphBuilder, x: Flow, time: Flow, name: string): Flow =>
  modulated(build, x, told(build, time, name, 1), told(build, time, name, 0))

/** x + gate · y */
export const gated = (build: GraphBuilder, x: Flow, gate: Flow, y: Flow): Flow =>
  add(build, x, multiply(build, y, gate))

/** The ε of all norms without weights. */
const EPSILON = 1e-6
