import type { Emitter } from '../../onnx/emitter.ts'
import type { Value } from '../../onnx/graph.ts'
import { constantInput, fromFront, integer, integers, type Rule, text, Unsupported } from '../rule.ts'
import { nearestScales } from './resize.ts'

const reshape: Rule = ({ gradient, x }, emit) => [emit.reshape(gradient, x.dims)]

export const movement: Record<string, Rule> = {
  Reshape: reshape,
  Flatten: reshape,
  Squeeze: reshape,
  Unsqueeze: reshape,
  /** The walk sums over the repeated axes. */
  Expand: ({ gradient }) => [gradient],
  Transpose: (call, emit) => {
    const permutation = integers(call, 'perm') ?? call.x.dims.map((_, axis) => axis).reverse()
    return [
      emit.transpose(
        call.gradient,
        permutation.map((_, axis) => permutation.indexOf(axis)),
      ),
    ]
  },
  Concat: (call, emit) => {
    const axis = fromFront(integer(call, 'axis', 0), call.y.dims.length)
    let end = 0
    return call.inputs.map((input) => {
      end += input!.dims[axis]!
      return emit.slice(call.gradient, axis, end - input!.dims[axis]!, end)
    })
  },
  Split: (call, emit) => {
    const axis = fromFront(integer(call, 'axis', 0), call.x.dims.length)
    const parts = call.outputs.map((output, index) => call.gradients[index] ?? emit.zeros(call.x.type, output!.dims))
    return [emit.concat(parts, axis)]
  },
  Slice: (call, emit) => {
    const { gradient, x } = call
    const starts = constantInput(call, 1, 'starts')
    const axes = call.inputs[3] ? constantInput(call, 3, 'axes') : starts.map((_, axis) => axis)
    const steps = call.inputs[4] ? constantInput(call, 4, 'steps') : starts.map(() => 1)
    if (steps.some((step) => step < 1)) throw new Unsupported(`its steps are ${steps}; only forward is supported`)
    const before = x.dims.map(() => 0)
    let spread = gradient
    for (const [index, axis] of axes.entries()) {
      const size = x.dims.at(axis)!
      const start = starts[index]! < 0 ? starts[index]! + size : starts[index]!
      before[fromFront(axis, x.dims.length)] = Math.min(Math.max(start, 0), size)
      spread = withGaps(spread, fromFront(axis, x.dims.length), steps[index]!, emit)
    }
    const after = x.dims.map((size, axis) => size - before[axis]! - spread.dims[axis]!)
    return [emit.pad(spread, before, after)]
  },
  Pad: (call, emit) => {
    const { gradient, x } = call
    if (text(call, 'mode', 'constant') !== 'constant') throw new Unsupported(`its mode is ${text(call, 'mode', '')}`)
    const pads = constantInput(call, 1, 'pads')
    const axes = call.inputs[3] ? constantInput(call, 3, 'axes') : x.dims.map((_, axis) => axis)
    const cut = (side: number) =>
      x.dims.map((_, axis) => {
        const index = axes.findIndex((each) => fromFront(each, x.dims.length) === axis)
        return index < 0 ? 0 : -pads[index + side * axes.length]!
      })
    return [emit.pad(gradient, cut(0), cut(1))]
  },
  /** Nearest neighbour by whole factors: the sum over each block. */
  Resize: (call, emit) => {
    const { gradient, x } = call
    const scales = nearestScales(call)
    const blocks = x.dims.flatMap((size, axis) => [size, scales[axis]!])
    const axes = scales.flatMap((scale, axis) => (scale > 1 ? [2 * axis + 1] : []))
    return [emit.reshape(emit.sum(emit.reshape(gradient, blocks), axes), x.dims)]
  },
  /** A one-hot matrix times the gradient: rows that are looked up twice are added up. */
  Gather: (call, emit) => {
    const { gradient, x, operands } = call
    const axis = fromFront(integer(call, 'axis', 0), x.dims.length)
    const size = x.dims[axis]!
    const count = product(operands[1].dims)
    const [before, after] = [product(x.dims.slice(0, axis)), product(x.dims.slice(axis + 1))]
    const columns = oneHot(emit.reshape(operands[1], [count]), size, gradient, emit)
    return [emit.reshape(emit.matmul(columns, emit.reshape(gradient, [before, count, after])), x.dims)]
  },
  GatherND: (call, emit) => {
    if (integer(call, 'batch_dims', 0) !== 0) throw new Unsupported('it gathers by batch')
    return [scatter(emit.zeros(call.x.type, call.x.dims), call.operands[1], call.gradient, emit)]
  },
  ScatterND: (call, emit) => {
    const { gradient, inputs } = call
    if (text(call, 'reduction', 'none') !== 'none')
      throw new Unsupported(`it combines by ${text(call, 'reduction', '')}`)
    const updates = inputs[2]!
    const indices = inputs[1]
    const zeros = emit.zeros(gradient.type, updates.dims)
    const byUpdates = emit.node('GatherND', [gradient, indices], updates.dims)
    return [emit.node('ScatterND', [gradient, indices, zeros], gradient.dims), undefined, byUpdates]
  },
}

/** Zeros after every element along an axis, so that each takes `step` elements. */
function withGaps(value: Value, axis: number, step: number, emit: Emitter): Value {
  if (step === 1) return value
  const { dims } = value
  const apart = [...dims.slice(0, axis + 1), 1, ...dims.slice(axis + 1)]
  const gaps = apart.map((_, each) => (each === axis + 1 ? step - 1 : 0))
  const padded = emit.pad(
    emit.reshape(value, apart),
    gaps.map(() => 0),
    gaps,
  )
  return emit.reshape(padded, dims.with(axis, dims[axis]! * step))
}

const product = (dims: readonly number[]) => dims.reduce((total, dim) => total * dim, 1)

/** [size, count]; column k has its one at indices[k]. */
function oneHot(indices: Value, size: number, like: Value, emit: Emitter): Value {
  const values = emit.constant(like.type, [2], [0, 1])
  const depth = emit.constant('int64', [], [size])
  const options = { type: like.type, attributes: { axis: 0n } }
  return emit.node('OneHot', [indices, depth, values], [size, ...indices.dims], options)
}

/** Before opset 16 an index may occur only once, as that of a pooled token does. */
function scatter(onto: Value, indices: Value, updates: Value, emit: Emitter): Value {
  const attributes = emit.opset >= 16 ? { reduction: 'add' } : undefined
  return emit.node('ScatterND', [onto, indices, updates], onto.dims, { attributes })
}
