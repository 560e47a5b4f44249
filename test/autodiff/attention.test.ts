import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expandSlicedAttention, gatherLargeAttention } from '../../src/autodiff/attention.ts'
import { gradient } from '../../src/autodiff/gradient.ts'
import { constantOf, type Graph, graphOf, type Node, node, type Value } from '../../src/onnx/graph.ts'
import { differentiate, randomTensor, seeded } from './numeric.ts'

const value = (name: string, ...dims: number[]): Value => ({ name, type: 'float32', dims })

/** y = softmax(q·kT · 2 / 3)·v with three heads of two samples. */
function attention(more: readonly Node[] = [], outputs: readonly string[] = ['y']): Graph {
  const nodes = [
    node('MatMul', ['q', 'kT'], ['product']),
    node('Mul', ['product', 'two'], ['scaled']),
    node('Div', ['scaled', 'three'], ['scores']),
    node('Softmax', ['scores'], ['map'], { axis: -1n }),
    node('MatMul', ['map', 'v'], ['y']),
  ]
  const maps = ['product', 'scaled', 'scores', 'map'].map((name) => value(name, 2, 3, 5, 8))
  return graphOf({
    inputs: [value('q', 2, 3, 5, 4), value('kT', 2, 3, 4, 8), value('v', 2, 3, 8, 6), value('g', 2, 3, 5, 6)],
    constants: new Map([
      ['two', constantOf('float32', [], [2])],
      ['three', constantOf('float32', [1], [3])],
    ]),
    nodes: [...nodes, ...more],
    outputs,
    values: new Map([...maps, value('y', 2, 3, 5, 6), value('aside', 2, 3, 5, 8)].map((each) => [each.name, each])),
  })
}

const operators = ({ nodes }: Graph) => nodes.map(({ operator }) => operator)

test('an attention in slices, and in parts of them, computes what the plain one does, forward and backward', async () => {
  const by = ['q', 'kT', 'v']
  const random = seeded(2)
  const graph = attention()
  const feeds = Object.fromEntries(graph.inputs.map(({ name, dims }) => [name, randomTensor(dims as number[], random)]))
  const results = []
  const twoRows = 2 * 8 * 4
  for (const [largestMap, largestPart] of [[0], [0, twoRows], [0, 1], [Number.POSITIVE_INFINITY]]) {
    const differentiated = await differentiate(
      { ...graph, inputs: graph.inputs.slice(0, 3) },
      by,
      largestMap,
      largestPart,
    )
    const { outputs, gradients } = await differentiated.run({ ...feeds, 'cotangent:y': feeds.g! })
    await differentiated.close()
    results.push([outputs.y!, ...by.map((name) => gradients[name]!)])
  }
  const plain = results.pop()!
  for (const sliced of results) {
    for (const [index, { dims, data }] of sliced.entries()) {
      assert.deepEqual(dims, plain[index]!.dims)
      const worst = Math.max(...data.map((each, at) => Math.abs(each - plain[index]!.data[at]!)))
      assert.ok(worst < 1e-5, `result ${index} is off by ${worst}`)
    }
  }
})

test('no map of more than one head is left', () => {
  const gathered = gatherLargeAttention(attention(), 0)
  assert.deepEqual(operators(gathered), ['SlicedAttention'])
  const expanded = expandSlicedAttention(gradient(gathered, { by: ['q', 'v'], cotangents: { y: 'g' } }))
  const computed = expanded.nodes.flatMap(({ outputs }) => outputs.map((name) => expanded.values.get(name)!.dims))
  assert.ok(computed.some((dims) => dims.join() === '5,8'))
  assert.ok(computed.every((dims) => dims.join() !== '2,3,5,8'))
})

test('small maps, and maps that something else reads, stay as they are', () => {
  const unchanged = (graph: Graph, limit: number) => assert.deepEqual(gatherLargeAttention(graph, limit), graph)
  unchanged(attention(), 2 * 3 * 5 * 8 * 4)
  unchanged(attention([node('Exp', ['map'], ['aside'])], ['y', 'aside']), 0)
  unchanged(attention([], ['y', 'scores']), 0)
})
