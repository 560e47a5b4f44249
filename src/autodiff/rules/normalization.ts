import type { Emitter } from '../../onnx/emitter.ts'
import type { Value } from '../../onnx/graph.ts'
import { type Call, float, fromFront, integer, type Rule } from '../rule.ts'

/** The mean and the deviation are computed again: not every device has the optional outputs that hold them. */
export const normalization: Record<string, Rule> = {
  /** x: [n, channels, …], normalized over all axes after the channels. */
  InstanceNormalization: (call, emit) => {
    const { gradient, x, inputs } = call
    const axes = x.dims.flatMap((_, axis) => (axis >= 2 ? [axis] : []))
    const perChannel = [x.dims[1]!, ...axes.map(() => 1)]
    const plain = isAll(call, 1, 1)
    const scaled = plain ? gradient : emit.mul(gradient, emit.reshape(inputs[1]!, perChannel))
    const ownOutput = plain && isAll(call, 2, 0)
    return [normalizedInput(x, scaled, axes, float(call, 'epsilon', 1e-5), emit, ownOutput ? call.y : undefined)]
  },
  /** Normalized over `axis` and all axes after it. */
  LayerNormalization: (call, emit) => {
    const { gradient, x, inputs } = call
    const first = fromFront(integer(call, 'axis', -1), x.dims.length)
    const axes = x.dims.flatMap((_, axis) => (axis >= first ? [axis] : []))
    const scaled = isAll(call, 1, 1) ? gradient : emit.mul(gradient, inputs[1]!)
    return [normalizedInput(x, scaled, axes, float(call, 'epsilon', 1e-5), emit)]
  },
  /**
   * x̂·scale with x̂ = x·r and r = 1/√(mean(x²) + ε), over `axis` and all axes after it: r·(g − x̂·mean(g·x̂)), g
   * scaled.
   */
  RMSNormalization: (call, emit) => {
    const { gradient, x, inputs } = call
    const first = fromFront(integer(call, 'axis', -1), x.dims.length)
    const axes = x.dims.flatMap((_, axis) => (axis >= first ? [axis] : []))
    const scaled = isAll(call, 1, 1) ? gradient : emit.mul(gradient, inputs[1]!)
    const square = emit.mul(emit.sumOfSquares(x, axes), 1 / sizeAlong(x, axes))
    const root = emit.sqrt(emit.add(square, float(call, 'epsilon', 1e-5)))
    const xHat = emit.div(x, root)
    const along = emit.mul(xHat, emit.mean(emit.mul(scaled, xHat), axes))
    return [emit.div(emit.sub(scaled, along), root)]
  },
}

const isAll = (call: Call, index: number, value: number) =>
  call.constant(index)?.every((each) => each === value) ?? false

const sizeAlong = (x: Value, axes: readonly number[]) => axes.reduce((product, axis) => product * x.dims[axis]!, 1)

/**
 * r·(g − mean(g) − x̂·mean(g·x̂)), where x̂ = (x − mean(x))·r and r = 1/√(variance + ε). `normalized` is x̂, if it is
 * available.
 */
function normalizedInput(
  x: Value,
  g: Value,
  axes: number[],
  epsilon: number,
  emit: Emitter,
  normalized?: Value,
): Value {
  const centred = emit.sub(x, emit.mean(x, axes))
  const variance = emit.mul(emit.sumOfSquares(centred, axes), 1 / sizeAlong(x, axes))
  const deviation = emit.sqrt(emit.add(variance, epsilon))
  const xHat = normalized ?? emit.div(centred, deviation)
  const along = emit.mul(xHat, emit.mean(emit.mul(g, xHat), axes))
  return emit.div(emit.sub(emit.sub(g, emit.mean(g, axes)), along), deviation)
}
