import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cutTokenEmbeddings } from '../../src/onnx/cut-token-embeddings.ts'
import { constantOf, type Graph, graphOf, node } from '../../src/onnx/graph.ts'

const table = constantOf('float32', [4, 2], [0, 1, 2, 3, 4, 5, 6, 7])
const positions = constantOf('float32', [3, 2], [0, 0, 10, 10, 20, 20])

/** Legacy exporters reshape the ids first and look positions up as well. */
const encoder = (lookup: Graph['nodes']) =>
  graphOf({
    inputs: [{ name: 'input_ids', type: 'int64', dims: ['n', 3] }],
    constants: new Map([
      ['positions', positions],
      ['table', table],
      ['order', constantOf('int64', [1, 3], [0, 1, 2])],
      ['shape', constantOf('int64', [2], [-1, 3])],
    ]),
    nodes: [node('Gather', ['positions', 'order'], ['placed']), ...lookup, node('Add', ['looked', 'placed'], ['y'])],
    outputs: ['y'],
  })

for (const [form, lookup] of [
  ['directly', [node('Gather', ['table', 'input_ids'], ['looked'])]],
  [
    'after a reshape',
    [node('Reshape', ['input_ids', 'shape'], ['flat']), node('Gather', ['table', 'flat'], ['looked'])],
  ],
] as const) {
  test(`the table that the ids look up ${form} is cut out, not that of the positions`, () => {
    const { graph, table: found } = cutTokenEmbeddings(encoder([...lookup]))
    assert.equal(found, table)
    assert.deepEqual(graph.inputs.at(-1), { name: 'token_embeddings', type: 'float32', dims: ['n', 3, 2] })
    assert.deepEqual(
      [graph.inputs[0]?.name, graph.constants.has('table'), graph.constants.has('positions')],
      ['input_ids', false, true],
    )
    assert.deepEqual(
      graph.nodes.map(({ operator }) => operator),
      ['Gather', 'Identity', 'Add'],
    )
  })
}

test('a model without such a lookup is refused', () => {
  const graph = encoder([node('Gather', ['table', 'order'], ['looked'])])
  assert.throws(() => cutTokenEmbeddings(graph), { name: 'UserError', message: /table of token embeddings/ })
})
