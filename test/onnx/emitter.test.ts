import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Emitter } from '../../src/onnx/emitter.ts'
import { graphOf, type Value } from '../../src/onnx/graph.ts'

const value = (name: string, ...dims: number[]): Value => ({ name, type: 'float32', dims })

/** The operators that are needed to add up what `pads` makes of values that are 2 wide, on an axis of 6. */
function operatorsOf(...pads: readonly (readonly [before: number, after: number])[]): string[] {
  const inputs = pads.map((_, index) => value(`x${index}`, 3, 2))
  const emit = new Emitter(graphOf({ inputs, values: new Map(inputs.map((each) => [each.name, each])) }), 'e/')
  const total = emit.total(inputs.map((input, index) => emit.pad(input, [0, pads[index]![0]], [0, pads[index]![1]])))
  assert.deepEqual(total.dims, [3, 6])
  const { nodes } = emit.graph([total.name])
  const last = nodes.at(-1)!
  return [last.operator, ...last.inputs]
}

test('parts of one axis are put side by side instead of added, in their order', () => {
  assert.deepEqual(operatorsOf([2, 2], [0, 4], [4, 0]), ['Concat', 'x1', 'x0', 'x2'])
  assert.equal(operatorsOf([0, 4], [2, 2])[0], 'Add')
  assert.equal(operatorsOf([0, 4], [0, 4], [4, 0])[0], 'Add')
  assert.equal(operatorsOf([0, 4], [2, 2], [2, 2])[0], 'Add')
})
