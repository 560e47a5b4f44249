import type { Flow, GraphBuilder } from './builder.ts'
import { activate, concatenate, linear, reshape } from './layers.ts'

/**
 * For numbers x: [count], each as `size` cosines and sines of x · 10000^(−i ÷ half): [count · size]. All in float32, as in
 * PyTorch: a thousandfold x makes a rounding of the factor visible.
 */
export function sinusoids(build: GraphBuilder, x: Flow, size: number): Flow {
  const [half, count] = [size / 2, x.dims[0]!]
  const { exp, fround, log } = Math
  const rate = fround(-log(10000))
  const frequencies = Array.from({ length: half }, (_, index) => exp(fround(fround(rate * index) / half)))
  const column = reshape(build, { name: x.name, dims: [] }, [count, 1])
  const angles = build.node('Mul', [column.name, build.numbers([half], frequencies, 'float32')], [count, half])
  const waves = ['Cos', 'Sin'].map((operator) => build.node(operator, [angles.name], angles.dims))
  return build.own(reshape(build, concatenate(build, waves, 1), [count * size]))
}

/** Two layers with SiLU in between. */
export function embedding(build: GraphBuilder, x: Flow, name: string): Flow {
  return linear(build, activate(build, linear(build, x, `${name}.linear_1`), 'silu'), `${name}.linear_2`)
}
