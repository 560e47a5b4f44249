import type { Emitter } from '../../onnx/emitter.ts'
import type { Value } from '../../onnx/graph.ts'
import { type Call, constantInput, fromFront, integer, integers, type Rule } from '../rule.ts'

export const reduction: Record<string, Rule> = {
  ReduceSum: (call, emit) => [spread(call, call.gradient, emit)],
  ReduceMean: (call, emit) => {
    const count = reducedAxes(call).reduce((product, axis) => product * call.x.dims[axis]!, 1)
    return [spread(call, emit.mul(call.gradient, 1 / count), emit)]
  },
  ReduceL2: (call, emit) => {
    const slope = emit.div(call.gradient, call.y)
    return [emit.mul(call.x, spread(call, slope, emit))]
  },
  /** y·(g − Σ g·y). */
  Softmax: (call, emit) => {
    const { gradient, y } = call
    const axis = fromFront(integer(call, 'axis', -1), y.dims.length)
    const weighted = emit.mul(gradient, y)
    return [emit.sub(weighted, emit.mul(y, emit.sum(weighted, [axis])))]
  },
}

/** With the reduced axes restored as size 1; the walk repeats along them. */
function spread(call: Call, gradient: Value, emit: Emitter): Value {
  const axes = reducedAxes(call)
  return emit.reshape(
    gradient,
    call.x.dims.map((dim, axis) => (axes.includes(axis) ? 1 : dim)),
  )
}

/** The axes are an attribute or, in later opsets, an input. None means all, unless the node says otherwise. */
function reducedAxes(call: Call): number[] {
  const rank = call.x.dims.length
  const given = call.inputs[1] ? constantInput(call, 1, 'axes') : integers(call, 'axes')
  if (given && given.length > 0) return given.map((axis) => fromFront(axis, rank))
  return integer(call, 'noop_with_empty_axes', 0) === 1 ? [] : call.x.dims.map((_, axis) => axis)
}
