import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Constant, constantOf, graphOf, type Node, node } from '../../src/onnx/graph.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { differentiate, dot, randomTensor, seeded } from './numeric.ts'

const random = seeded(11)
const pick = (low: number, high: number) => low + Math.floor(random() * (high - low + 1))

/** A linear map J and its gradient Jᵀ: ⟨J·x, g⟩ = ⟨x, Jᵀ·g⟩ for every x and g. */
async function adjointError(attributes: Node['attributes'], dims: number[], weightDims: number[]): Promise<number> {
  const graph = graphOf({
    inputs: [{ name: 'x', type: 'float32', dims }],
    constants: new Map([['w', constantOf('float32', weightDims, [...randomTensor(weightDims, random).data])]]),
    nodes: [node('Conv', ['x', 'w'], ['y'], attributes)],
    outputs: ['y'],
  })
  const differentiated = await differentiate(graph, ['x'])
  const x = randomTensor(dims, random)
  const g = randomTensor(differentiated.outputs.y!, random)
  const { outputs, gradients } = await differentiated.run({ x, 'cotangent:y': g })
  await differentiated.close()
  const [left, right] = [dot(outputs.y!, g), dot(x, gradients.x!)]
  return Math.abs(left - right) / Math.sqrt(dot(g, g) * dot(outputs.y!, outputs.y!))
}

for (let trial = 0; trial < 60; trial++) {
  const rank = pick(1, 3)
  const axes = Array.from({ length: rank }, (_, axis) => axis)
  const kernel = axes.map(() => pick(1, 4))
  const dilations = axes.map(() => pick(1, 2))
  const strides = axes.map(() => (trial % 2 ? 1 : pick(1, 3)))
  const reach = axes.map((axis) => dilations[axis]! * (kernel[axis]! - 1))
  const pads = [...axes, ...axes].map((axis) => pick(0, reach[axis]!))
  const group = pick(1, 3) === 3 ? 2 : 1
  const dims = [pick(1, 2), group * pick(1, 2), ...axes.map((axis) => reach[axis]! + pick(1, 6))]
  const weightDims = [group * pick(1, 2), dims[1]! / group, ...kernel]
  const auto = dilations.every((each) => each === 1)
    ? ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'][pick(0, 3)]!
    : 'NOTSET'
  const padding: Node['attributes'] = auto === 'NOTSET' ? { pads: pads.map(BigInt) } : { auto_pad: auto }
  const attributes = {
    strides: strides.map(BigInt),
    dilations: dilations.map(BigInt),
    group: BigInt(group),
    ...padding,
  }
  const shown = `${dims} by ${weightDims}, strides ${strides}, dilations ${dilations}, groups ${group}, ${auto} pads ${pads}`
  test(`the gradient of Conv is its adjoint: ${shown}`, async () => {
    const error = await adjointError(attributes, dims, weightDims)
    assert.ok(error < 1e-5, `error ${error}`)
  })
}

/** J at x is known by differences along v (five points): ⟨J·v, g⟩ = ⟨v, Jᵀ·g⟩. */
async function tangentError(op: Node, constants: Record<string, Constant>, dims: number[]): Promise<number> {
  const graph = graphOf({
    irVersion: 10,
    opsets: new Map([['', 23]]),
    inputs: [{ name: 'x', type: 'float32', dims }],
    constants: new Map(Object.entries(constants)),
    nodes: [op],
    outputs: ['y'],
  })
  const differentiated = await differentiate(graph, ['x'])
  const [x, v, g] = [dims, dims, differentiated.outputs.y!].map((each) => randomTensor(each, random)) as [
    Tensor,
    Tensor,
    Tensor,
  ]
  const along = async (step: number) => {
    const data = x.data.map((value, index) => value + step * v.data[index]!)
    return dot((await differentiated.run({ x: { dims, data }, 'cotangent:y': g })).outputs.y!, g)
  }
  const [far, near] = [(await along(1 / 32)) - (await along(-1 / 32)), (await along(1 / 64)) - (await along(-1 / 64))]
  const { outputs, gradients } = await differentiated.run({ x, 'cotangent:y': g })
  await differentiated.close()
  const [left, right] = [(8 * near - far) / (12 / 64), dot(v, gradients.x!)]
  return Math.abs(left - right) / Math.sqrt(dot(g, g) * dot(outputs.y!, outputs.y!))
}

for (let trial = 0; trial < 20; trial++) {
  const dims = Array.from({ length: pick(2, 4) }, () => pick(2, 5))
  const axis = pick(1, dims.length - 1)
  const attributes = { axis: BigInt(trial % 2 ? axis : axis - dims.length), epsilon: 0.05 }
  test(`the gradient of RMSNormalization is its adjoint: ${dims} over axis ${attributes.axis} and behind`, async () => {
    const scale = dims.slice(axis)
    const constants = { w: constantOf('float32', scale, [...randomTensor(scale, random).data]) }
    const error = await tangentError(node('RMSNormalization', ['x', 'w'], ['y'], attributes), constants, dims)
    assert.ok(error < 1e-4, `error ${error}`)
  })
}

for (let trial = 0; trial < 20; trial++) {
  const dims = Array.from({ length: pick(1, 3) }, () => pick(2, 9))
  const starts = dims.map((size) => pick(0, size - 1))
  const ends = dims.map((size, axis) => pick(starts[axis]! + 1, size))
  const steps = dims.map(() => pick(1, 4))
  test(`the gradient of Slice is its adjoint: ${dims} from ${starts} to ${ends} by ${steps}`, async () => {
    const each = { starts, ends, axes: dims.map((_, axis) => axis), steps }
    const constants = Object.fromEntries(
      Object.entries(each).map(([name, values]) => [name, constantOf('int64', [dims.length], values)]),
    )
    const error = await tangentError(node('Slice', ['x', ...Object.keys(each)], ['y']), constants, dims)
    assert.ok(error < 1e-4, `error ${error}`)
  })
}
