import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gradient, gradientName } from '../../src/autodiff/gradient.ts'
import { UserError } from '../../src/errors.ts'
import { constantOf, type Graph, graphOf, type Node, node, type Value } from '../../src/onnx/graph.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { differentiate, errorAgainstDifferences, randomTensor, seeded } from './numeric.ts'

const vector = (name: string, size = 2): Value => ({ name, type: 'float32', dims: [size] })
const scalar = (value: number) => constantOf('float32', [], [value])

/** `inputs` are vectors of two; every value that a node computes is one too, unless `values` says otherwise. */
function graphWith(
  nodes: Node[],
  {
    inputs = ['x'],
    values = [] as Value[],
    ...rest
  }: Record<string, unknown> & { inputs?: string[]; values?: Value[] } = {},
): Graph {
  const computed = nodes.flatMap(({ outputs }) => outputs.map((name) => vector(name)))
  return graphOf({
    inputs: [...inputs.map((name) => vector(name)), vector('g')],
    nodes,
    outputs: ['y'],
    values: new Map([...computed, ...values].map((value) => [value.name, value])),
    ...rest,
  })
}

const options = { by: ['x'], cotangents: { y: 'g' } }
const added = (graph: Graph, before: Graph) => graph.nodes.slice(before.nodes.length).map(({ operator }) => operator)

test('a value that is used in several places collects its gradients', async () => {
  const nodes = [
    node('Mul', ['x', 'x'], ['square']),
    node('Add', ['square', 'x'], ['sum']),
    node('Mul', ['sum', 'x'], ['y']),
  ]
  const graph = graphOf({ inputs: [vector('x')], nodes, outputs: ['y'] })
  const differentiated = await differentiate(graph, ['x'])
  const { gradients } = await differentiated.run({
    x: tensor([2], Float32Array.of(2, -1)),
    'cotangent:y': tensor([2], Float32Array.of(1, 10)),
  })
  await differentiated.close()
  assert.deepEqual([...gradients.x!.data], [3 * 4 + 2 * 2, 10 * (3 - 2)])
})

test('gradients of several outputs come together, and each input gets its own', async () => {
  const nodes = [node('Mul', ['a', 'b'], ['y']), node('Exp', ['b'], ['z'])]
  const graph = graphOf({ inputs: [vector('a'), vector('b')], nodes, outputs: ['y', 'z'] })
  const random = seeded(3)
  const feeds = { a: randomTensor([2], random), b: randomTensor([2], random) }
  assert.ok((await errorAgainstDifferences(graph, feeds, random)) < 1e-3)
})

test('a value inside the graph can be differentiated by, and nothing before it is looked at', () => {
  const before = graphWith([node('Round', ['x'], ['inside']), node('Exp', ['inside'], ['y'])])
  const after = gradient(before, { by: ['inside'], cotangents: { y: 'g' } })
  assert.deepEqual(added(after, before), ['Mul', 'Identity'])
  assert.deepEqual(after.outputs, ['y', gradientName('inside')])
})

test('only what lies between the inputs asked for and the loss needs a rule', () => {
  const nodes = [
    node('Round', ['other'], ['rounded']),
    node('Add', ['x', 'rounded'], ['y']),
    node('Round', ['y'], ['aside']),
  ]
  const before = graphWith(nodes, { inputs: ['x', 'other'], outputs: ['y', 'aside'] })
  assert.deepEqual(added(gradient(before, options), before), ['Identity'])
})

test('no node is emitted for the gradient with respect to a constant', () => {
  const before = graphWith([node('Mul', ['x', 'two'], ['y'])], { constants: new Map([['two', scalar(2)]]) })
  assert.deepEqual(added(gradient(before, options), before), ['Mul', 'Identity'])
})

test('a matrix of weights is used as it is, not as a transposed copy', () => {
  const [x, y] = [
    { ...vector('x'), dims: [5, 1, 3] },
    { ...vector('y'), dims: [5, 1, 4] },
  ]
  const constants = new Map([['w', constantOf('float32', [3, 4], Array(12).fill(1))]])
  const before = graphOf({
    inputs: [x, { ...y, name: 'g' }],
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    constants,
    outputs: ['y'],
    values: new Map([['y', y]]),
  })
  const after = gradient(before, options)
  const gemm = after.nodes.find(({ operator }) => operator === 'Gemm')
  assert.deepEqual([gemm?.inputs[1], gemm?.attributes.transB], ['w', 1n])
  assert.ok(!after.nodes.some(({ operator }) => operator === 'Transpose'))
})

test('integers cut the way: nothing leads from there to the loss', () => {
  const nodes = [node('Cast', ['x'], ['whole'], { to: 7n }), node('Cast', ['whole'], ['y'], { to: 1n })]
  const graph = graphWith(nodes, { values: [{ ...vector('whole'), type: 'int64' }] })
  assert.throws(() => gradient(graph, options), { name: 'UserError', message: /y does not depend on x/ })
})

test('outputs of a Split that the loss does not use count as zeros', async () => {
  const constants = new Map([['sizes', constantOf('int64', [2], [1, 2])]])
  const nodes = [node('Split', ['x', 'sizes'], ['unused', 'used']), node('Exp', ['used'], ['y'])]
  const random = seeded(5)
  const graph = graphOf({ inputs: [vector('x', 3)], nodes, constants, outputs: ['y'] })
  assert.ok((await errorAgainstDifferences(graph, { x: randomTensor([3], random) }, random)) < 1e-3)
})

test('an operator without a rule is named, with its node and what to do', () => {
  const graph = graphWith([{ ...node('Round', ['x'], ['y']), name: '/mid/Round' }])
  assert.throws(() => gradient(graph, options), {
    name: 'UserError',
    message: /Round \(node \/mid\/Round\).*no rule.*Export the model without it/,
  })
})

test('an operator outside the standard set is refused with advice', () => {
  const graph = graphWith([{ ...node('FusedConv', ['x'], ['y']), domain: 'com.microsoft' }])
  assert.throws(() => gradient(graph, options), { name: 'UserError', message: /com\.microsoft.*plain export/ })
})

const refusals: [string, Node, Partial<Graph>, RegExp][] = [
  ['a power by a computed exponent', node('Pow', ['x', 'x'], ['y']), {}, /exponent is not a single number/],
  ['slices backwards', node('Slice', ['x', 'two', 'zero', 'zero', 'back'], ['y']), {}, /its steps are -1/],
  ['padding by reflection', node('Pad', ['x', 'pads'], ['y'], { mode: 'reflect' }), {}, /its mode is reflect/],
  [
    'computed axes',
    node('ReduceSum', ['x', 'axes'], ['y']),
    { inputs: [vector('x'), vector('g'), { name: 'axes', type: 'int64', dims: [1] }] },
    /its axes are computed/,
  ],
]
for (const [what, operation, rest, message] of refusals) {
  test(`${what}: refused with a reason`, () => {
    const constants = new Map(
      Object.entries({ zero: [0], two: [2], back: [-1], pads: [1, 1] }).map(([name, each]) => [
        name,
        constantOf('int64', [each.length], each),
      ]),
    )
    const graph = { ...graphWith([operation], { constants }), ...rest }
    assert.throws(
      () => gradient(graph, options),
      (error) => error instanceof UserError && message.test(error.message),
    )
  })
}
