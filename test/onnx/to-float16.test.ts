import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constantOf, type Graph, graphOf, node, type ValueInfo } from '../../src/onnx/graph.ts'
import { encodeGraph } from '../../src/onnx/proto.ts'
import { openSession } from '../../src/onnx/session.ts'
import { toFloat16 } from '../../src/onnx/to-float16.ts'

const WIDTH = 32
const info = (name: string, dims: readonly number[]): ValueInfo => ({ name, type: 'float32', dims })

/** A LayerNormalization as older exports write it, between two products: y = normal(x · w) · w + x. */
function block(): Graph {
  const rows = [2, WIDTH]
  const unit = Array.from({ length: WIDTH * WIDTH }, (_, index) => (index % (WIDTH + 1) === 0 ? 1 : 0))
  return graphOf({
    inputs: [info('x', rows)],
    constants: new Map([
      ['w', constantOf('float32', [WIDTH, WIDTH], unit)],
      ['two', constantOf('float32', [], [2])],
      ['epsilon', constantOf('float32', [], [1e-5])],
    ]),
    nodes: [
      node('MatMul', ['x', 'w'], ['h']),
      node('ReduceMean', ['h'], ['mean'], { axes: [-1n], keepdims: 1n }),
      node('Sub', ['h', 'mean'], ['centred']),
      node('Pow', ['centred', 'two'], ['squares']),
      node('ReduceMean', ['squares'], ['variance'], { axes: [-1n], keepdims: 1n }),
      node('Add', ['variance', 'epsilon'], ['sum']),
      node('Sqrt', ['sum'], ['deviation']),
      node('Div', ['centred', 'deviation'], ['normal']),
      node('MatMul', ['normal', 'w'], ['product']),
      node('Add', ['product', 'h'], ['y']),
    ],
    outputs: ['y'],
    values: new Map(
      [
        ...['h', 'centred', 'squares', 'normal', 'product', 'y'].map((name) => info(name, rows)),
        ...['mean', 'variance', 'sum', 'deviation'].map((name) => info(name, [2, 1])),
      ].map((each) => [each.name, each]),
    ),
  })
}

test('products and sums of them are float16; what leaves its range, and inputs and outputs, stay float32', () => {
  const { values, constants, nodes } = toFloat16(block())
  const halves = [...values.values()].filter(({ type }) => type === 'float16').map(({ name }) => name)
  assert.deepEqual(halves.sort(), ['h', 'normal as float16', 'product', 'x as float16', 'y as float16'])
  for (const name of ['squares', 'variance', 'deviation', 'normal', 'y'])
    assert.equal(values.get(name)!.type, 'float32')
  assert.deepEqual([...constants.keys()].sort(), ['epsilon', 'two', 'w as float16'])
  // Each value is cast once, however often it is used.
  assert.equal(nodes.filter(({ operator }) => operator === 'Cast').length, 4)
})

test('numbers of which the squares are beyond float16 are normalized right', async () => {
  const session = await openSession(encodeGraph(toFloat16(block())), { threads: 1 })
  const data = Float32Array.from({ length: 2 * WIDTH }, (_, index) => (index % 2 === 0 ? 1000 : -1000))
  const { y } = await session.run({ x: { dims: [2, WIDTH], data } })
  await session.close()
  assert.deepEqual(
    y!.data,
    data.map((value) => Math.fround(value + Math.sign(value))),
  )
})

test('a weight that is turned around is turned in float16', () => {
  const { nodes, ...rest } = block()
  const turned = toFloat16({
    ...rest,
    nodes: [
      node('Transpose', ['w'], ['wT']),
      ...nodes.map((each) => ({ ...each, inputs: each.inputs.map((name) => (name === 'w' ? 'wT' : name)) })),
    ],
    values: new Map([...rest.values, ['wT', info('wT', [WIDTH, WIDTH])]]),
  })
  assert.equal(turned.values.get('wT')!.type, 'float16')
  assert.ok(!turned.constants.has('w'))
})

test('a mask of −∞ stays one, in effect', () => {
  const graph = graphOf({
    inputs: [info('x', [2, 2])],
    constants: new Map([['mask', constantOf('float32', [2, 2], [0, -3.4e38, 0, 0])]]),
    nodes: [node('MatMul', ['x', 'x'], ['s']), node('Add', ['s', 'mask'], ['m']), node('Softmax', ['m'], ['y'])],
    outputs: ['y'],
    values: new Map(['s', 'm', 'y'].map((name) => [name, info(name, [2, 2])])),
  })
  const mask = toFloat16(graph).constants.get('mask as float16')!
  assert.deepEqual([...new Uint16Array((mask.data as Uint8Array<ArrayBuffer>).buffer)], [0, 0xfbff, 0, 0])
})
