import type { Flow, GraphBuilder } from './builder.ts'
import { add, linear, multiply, plainNorm, reshape, slice } from './layers.ts'

/**
 * What a block is told by the timestep and the pooled prompt: as many rows [1, width] as `name` has parts.
 * @param time [width], activated
 */
export function told(build: GraphBuilder, time: Flow, name: string): Flow[] {
  const width = time.dims[0]!
  const whole = linear(build, time, name)
  const count = whole.dims[0]! / width
  if (!Number.isInteger(count)) build.refuse(`has ${whole.dims[0]} numbers in ${name}, which are no rows of ${width}`)
  const rows = Array.from({ length: count }, (_, index) =>
    reshape(build, slice(build, whole, 0, [index * width, (index + 1) * width]), [1, width]),
  )
  if (!build.tensor(`${name}.weight`).isSwapped) return rows
  return [...rows.slice(count / 2), ...rows.slice(0, count / 2)]
}

/** AdaLN: the norm of x, times 1 + scale, plus shift. x: [length, width] */
export function modulated(build: GraphBuilder, x: Flow, [shift, scale]: readonly Flow[]): Flow {
  if (!shift || !scale) build.refuse('lacks parts of a modulation')
  const factor = build.node('Add', [scale.name, build.numbers([], [1])], scale.dims)
  return add(build, multiply(build, plainNorm(build, x, EPSILON), factor), shift)
}

/** The last norm of a sequence, whose scale comes before its shift. */
export const modulatedLast = (build: GraphBuilder, x: Flow, time: Flow, name: string): Flow =>
  modulated(build, x, told(build, time, name).toReversed())

/** x + gate · y */
export function gated(build: GraphBuilder, x: Flow, gate: Flow | undefined, y: Flow): Flow {
  return gate ? add(build, x, multiply(build, y, gate)) : build.refuse('lacks parts of a modulation')
}

/** The ε of all norms without weights. */
const EPSILON = 1e-6
