import { type Rule, text, Unsupported } from '../rule.ts'

const twoOverRootPi = 2 / Math.sqrt(Math.PI)
const oneOverRootTwoPi = 1 / Math.sqrt(2 * Math.PI)

/** x: input, y: output, gradient: ∂loss/∂y. */
export const elementwise: Record<string, Rule> = {
  Identity: ({ gradient }) => [gradient],
  Add: ({ gradient }) => [gradient, gradient],
  Sub: ({ gradient }, emit) => [gradient, emit.neg(gradient)],
  Mul: ({ gradient, operands: [a, b] }, emit) => [emit.mul(gradient, b), emit.mul(gradient, a)],
  Div: ({ gradient, y, operands: [, b] }, emit) => {
    const byNumerator = emit.div(gradient, b)
    return [byNumerator, emit.neg(emit.mul(byNumerator, y))]
  },
  Sum: ({ gradient, inputs }) => inputs.map(() => gradient),
  Neg: ({ gradient }, emit) => [emit.neg(gradient)],
  Abs: ({ gradient, x }, emit) => [emit.mul(gradient, emit.node('Sign', [x], x.dims))],
  Reciprocal: ({ gradient, y }, emit) => [emit.neg(emit.mul(gradient, emit.mul(y, y)))],
  Sqrt: ({ gradient, y }, emit) => [emit.div(emit.mul(gradient, 0.5), y)],
  Exp: ({ gradient, y }, emit) => [emit.mul(gradient, y)],
  Log: ({ gradient, x }, emit) => [emit.div(gradient, x)],
  Sin: ({ gradient, x }, emit) => [emit.mul(gradient, emit.node('Cos', [x], x.dims))],
  Cos: ({ gradient, x }, emit) => [emit.neg(emit.mul(gradient, emit.node('Sin', [x], x.dims)))],
  Tanh: ({ gradient, y }, emit) => [emit.sub(gradient, emit.mul(emit.mul(gradient, y), y))],
  Sigmoid: ({ gradient, y }, emit) => {
    const scaled = emit.mul(gradient, y)
    return [emit.sub(scaled, emit.mul(scaled, y))]
  },
  Relu: ({ gradient, y }, emit) => [emit.mul(gradient, emit.node('Sign', [y], y.dims))],
  Erf: ({ gradient, x }, emit) => [emit.mul(gradient, emit.mul(emit.exp(emit.neg(emit.mul(x, x))), twoOverRootPi))],
  Pow: (call, emit) => {
    const { gradient, x, operands } = call
    const exponent = call.constant(1)
    if (exponent?.length !== 1) throw new Unsupported(`its exponent is not a single number ([${operands[1].dims}])`)
    const [p] = exponent as [number]
    const slope = p === 2 ? x : p === 3 ? emit.mul(x, x) : emit.pow(x, p - 1)
    return [emit.mul(gradient, emit.mul(slope, p))]
  },
  Gelu: (call, emit) => {
    const { gradient, x } = call
    if (text(call, 'approximate', 'none') !== 'none') return [emit.mul(gradient, tanhGeluSlope(x, emit))]
    const cumulative = emit.mul(emit.add(emit.node('Erf', [emit.mul(x, Math.SQRT1_2)], x.dims), 1), 0.5)
    const density = emit.mul(emit.exp(emit.mul(emit.mul(x, x), -0.5)), oneOverRootTwoPi)
    return [emit.mul(gradient, emit.add(cumulative, emit.mul(x, density)))]
  },
  Cast: ({ gradient, x }, emit) => [emit.cast(gradient, x.type)],
  Where: ({ gradient, inputs: [condition] }, emit) => {
    const zero = emit.constant(gradient.type, [], [0])
    const where = (yes: typeof gradient, no: typeof gradient) =>
      emit.node('Where', [condition, yes, no], gradient.dims, { type: gradient.type })
    return [undefined, where(gradient, zero), where(zero, gradient)]
  },
}

/** d/dx of x/2·(1 + tanh(u)), u = √(2/π)·(x + 0.044715·x³). */
function tanhGeluSlope(x: Parameters<Rule>[0]['x'], emit: Parameters<Rule>[1]) {
  const [scale, cubic] = [Math.sqrt(2 / Math.PI), 0.044715]
  const square = emit.mul(x, x)
  const inner = emit.mul(emit.mul(x, emit.add(emit.mul(square, cubic), 1)), scale)
  const tanh = emit.node('Tanh', [inner], x.dims)
  const innerSlope = emit.mul(emit.add(emit.mul(square, 3 * cubic), 1), scale)
  const outer = emit.mul(emit.add(tanh, 1), 0.5)
  const bend = emit.mul(emit.mul(emit.mul(x, 0.5), emit.sub(1, emit.mul(tanh, tanh))), innerSlope)
  return emit.add(outer, bend)
}
