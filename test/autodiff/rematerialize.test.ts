import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gradient, gradientName } from '../../src/autodiff/gradient.ts'
import { rematerialize } from '../../src/autodiff/rematerialize.ts'
import { constantOf, type Graph, graphOf, node, type Value } from '../../src/onnx/graph.ts'
import { lowerAttention } from '../../src/onnx/lower-attention.ts'
import { encodeGraph, readModel } from '../../src/onnx/proto.ts'
import { type Feeds, openSession, outputsOf, tidy } from '../../src/onnx/session.ts'
import { simplify } from '../../src/onnx/simplify.ts'
import { sizeOf } from '../../src/tensor/tensor.ts'
import { dot, randomTensor, seeded } from './numeric.ts'
import { type Export, feedsOf, modelPath, readCase, readNumbers, relativeError } from './reference.ts'

const value = (name: string, ...dims: number[]): Value => ({ name, type: 'float32', dims })

/** The gradient, as it is and with everything computed again that can be; and the forward nodes. */
function bothWays(graph: Graph, by: readonly string[]) {
  const outputs = graph.outputs.map((name) => graph.values.get(name) as Value)
  const inputs = [...graph.inputs, ...outputs.map((each) => ({ ...each, name: `cotangent:${each.name}` }))]
  const cotangents = Object.fromEntries(graph.outputs.map((name) => [name, `cotangent:${name}`]))
  const plain = gradient({ ...graph, inputs }, { by, cotangents })
  const forward = new Set(graph.nodes)
  return { plain, again: rematerialize(plain, { forward, cotangents: Object.values(cotangents) }, 0), forward }
}

/** What the backward pass reads of the forward one, apart from constants; views count as what they are views of. */
function keptOf({ nodes }: Graph, forward: ReadonlySet<object>): string[] {
  const producers = new Map(
    nodes.filter((each) => forward.has(each)).flatMap((each) => each.outputs.map((name) => [name, each])),
  )
  const based = (name: string): string => {
    const node = producers.get(name)
    return node?.operator === 'Reshape' ? based(node.inputs[0]!) : name
  }
  const read = nodes.filter((each) => !forward.has(each)).flatMap(({ inputs }) => inputs)
  return [...new Set(read.filter((name) => producers.has(name)).map(based))]
}

const bytesOf = (graph: Graph, names: readonly string[]) =>
  names.reduce((total, name) => total + 4 * sizeOf((graph.values.get(name) as Value | undefined)?.dims ?? []), 0)

async function run(graph: Graph, feeds: Feeds) {
  const session = await openSession(encodeGraph(graph), { threads: 1 })
  const results = await session.run(feeds)
  await session.close()
  return results
}

test('of a gate only what it is computed from is kept', async () => {
  const names = ['product', 'shifted', 'half', 'gate', 'scaled', 'sigmoid', 'swish']
  const dims = Object.fromEntries(names.map((name) => [name, [4, 6]]))
  const graph = graphOf({
    inputs: [value('x', 4, 5), value('w', 5, 12)],
    constants: new Map([
      ['zero', constantOf('int64', [1], [0])],
      ['six', constantOf('int64', [1], [6])],
      ['twelve', constantOf('int64', [1], [12])],
      ['one', constantOf('int64', [1], [1])],
      ['bias', constantOf('float32', [12], Array(12).fill(0.3))],
      ['two', constantOf('float32', [], [2])],
    ]),
    nodes: [
      node('MatMul', ['x', 'w'], ['product']),
      node('Add', ['product', 'bias'], ['shifted']),
      node('Slice', ['shifted', 'zero', 'six', 'one'], ['half']),
      node('Slice', ['shifted', 'six', 'twelve', 'one'], ['gate']),
      node('Mul', ['gate', 'two'], ['scaled']),
      node('Sigmoid', ['scaled'], ['sigmoid']),
      node('Mul', ['gate', 'sigmoid'], ['swish']),
      node('Mul', ['half', 'swish'], ['y']),
    ],
    outputs: ['y'],
    values: new Map(
      [...names, 'y'].map((name) => [
        name,
        value(name, 4, /product|shifted/.test(name) ? 12 : (dims[name] ?? [4, 6])[1]!),
      ]),
    ),
  })
  const { plain, again, forward } = bothWays(graph, ['x'])
  assert.deepEqual(keptOf(plain, forward).toSorted(), ['gate', 'half', 'sigmoid', 'swish'])
  assert.deepEqual(keptOf(again, forward), ['product'])
  const random = seeded(3)
  const sizes = { x: [4, 5], w: [5, 12], 'cotangent:y': [4, 6] }
  const feeds = Object.fromEntries(Object.entries(sizes).map(([name, dims]) => [name, randomTensor(dims, random)]))
  const [expected, got] = [await run(plain, feeds), await run(again, feeds)]
  assert.deepEqual(got[gradientName('x')], expected[gradientName('x')])
  assert.ok(dot(got[gradientName('x')]!, got[gradientName('x')]!) > 0)
})

test('what would save too little stays as it is', () => {
  const graph = graphOf({
    inputs: [value('x', 4)],
    nodes: [node('Neg', ['x'], ['a']), node('Sigmoid', ['a'], ['y'])],
    outputs: ['y'],
    values: new Map([value('a', 4), value('y', 4)].map((each) => [each.name, each])),
  })
  const plain = gradient({ ...graph, inputs: [...graph.inputs, value('g', 4)] }, { by: ['x'], cotangents: { y: 'g' } })
  assert.equal(rematerialize(plain, { forward: new Set(graph.nodes), cotangents: ['g'] }), plain)
})

for (const name of ['unet-sd15-legacy-17', 'unet-sdxl-dynamo-20', 'unet-sd21-dynamo-23']) {
  test(`${name}: less is kept, and the gradient is PyTorch's`, async () => {
    const described = readCase<Export>(name)
    const { inputs, by, outputs } = described
    const simple = await simplify({ ...readModel(modelPath(name)), outputs }, inputs, { tidy, outputsOf })
    const graph = lowerAttention(simple)
    const { plain, again, forward } = bothWays(graph, by)
    const [most, least] = [plain, again].map((each) => bytesOf(graph, keptOf(each, forward)))
    assert.ok(least! < 0.8 * most!, `${least} bytes are kept instead of ${most}`)
    const numbers = readNumbers(name)
    const results = await run(again, feedsOf(described, numbers))
    for (const each of by) {
      assert.ok(relativeError(results[gradientName(each)]!, numbers[`gradient:${each}`]!) <= 2e-5)
    }
  })
}
