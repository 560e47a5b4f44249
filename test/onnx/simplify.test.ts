import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constantOf, graphOf, isOnDisk, node } from '../../src/onnx/graph.ts'
import { outputsOf, tidy } from '../../src/onnx/session.ts'
import { simplify } from '../../src/onnx/simplify.ts'

const runtime = { tidy, outputsOf }

/** y = reshape(x·w, [n, -1]) with the shape computed, as legacy exporters write it. */
const graph = graphOf({
  inputs: [{ name: 'x', type: 'float32', dims: ['n', 'length', 512] }],
  constants: new Map([
    ['w', { type: 'float32', dims: [512, 3], data: { file: '/not/read', offset: 5, length: 6144 } }],
    ['zero', constantOf('int64', [], [0])],
    ['first', constantOf('int64', [1], [0])],
    ['rest', constantOf('int64', [1], [-1])],
    ['unused', constantOf('float32', [1], [1])],
  ]),
  nodes: [
    node('MatMul', ['x', 'w'], ['product']),
    node('Shape', ['x'], ['shape']),
    node('Gather', ['shape', 'zero'], ['n']),
    node('Unsqueeze', ['n', 'first'], ['batch']),
    node('Concat', ['batch', 'rest'], ['target'], { axis: 0n }),
    node('Reshape', ['product', 'target'], ['y']),
    node('Exp', ['y'], ['aside']),
  ],
  outputs: ['y'],
})

test('shape arithmetic is folded away and every size is known', async () => {
  const simple = await simplify(graph, { x: [2, 5, 512] }, runtime)
  assert.deepEqual(
    simple.nodes.map(({ operator }) => operator),
    ['MatMul', 'Reshape'],
  )
  assert.deepEqual(
    [...simple.values.values()].map(({ dims }) => dims),
    [
      [2, 5, 3],
      [2, 15],
    ],
  )
  assert.deepEqual(simple.inputs, [{ name: 'x', type: 'float32', dims: [2, 5, 512] }])
})

test('weights on disk are not read, and stay the same references', async () => {
  const simple = await simplify(graph, { x: [2, 5, 512] }, runtime)
  assert.deepEqual(simple.constants.get('w'), graph.constants.get('w'))
  assert.equal([...simple.constants.values()].filter(({ data }) => isOnDisk(data)).length, 1)
})

test('dims that the model cannot take are refused', async () => {
  await assert.rejects(simplify(graph, { x: [2, 512] }, runtime), {
    name: 'RangeError',
    message: /x like \[n,length,512\], got \[2,512\]/,
  })
  await assert.rejects(simplify(graph, {}, runtime), { name: 'RangeError' })
  const wrong = { ...graph, inputs: [{ ...graph.inputs[0]!, dims: ['n', 'length', 'width'] }] }
  await assert.rejects(simplify(wrong, { x: [2, 5, 4] }, runtime), {
    name: 'UserError',
    message: /does not accept this model for x \[2,5,4\]/,
  })
})
