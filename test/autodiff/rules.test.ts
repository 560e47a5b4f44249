import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rules } from '../../src/autodiff/rules.ts'
import { type Attribute, type Constant, constantOf, graphOf, node } from '../../src/onnx/graph.ts'
import { errorAgainstDifferences, randomTensor, seeded } from './numeric.ts'

interface Case {
  readonly op: string
  /** Dims of the float inputs; each is differentiated by. */
  readonly of: readonly (readonly number[])[]
  /** Constant inputs by their place; the float inputs fill the places that are left. `null` leaves one out. */
  readonly with?: Readonly<Record<number, Constant | null>>
  readonly attributes?: Readonly<Record<string, Attribute>>
  /** @default [17] */
  readonly opsets?: readonly number[]
  /** The float inputs lie in it. @default [-1, 1] */
  readonly range?: readonly [number, number]
  /** @default 1 */
  readonly outputs?: number
}

const ints = (...numbers: number[]) => constantOf('int64', [numbers.length], numbers)
const floats = (...numbers: number[]) => constantOf('float32', [numbers.length], numbers)
const scalar = (value: number) => constantOf('float32', [], [value])
const index = (value: number) => constantOf('int64', [], [value])
const matrix = (rows: number, ...numbers: number[]) => constantOf('int64', [rows, numbers.length / rows], numbers)
const far = 2 ** 62

const cases: readonly Case[] = [
  { op: 'Identity', of: [[2, 3]] },
  { op: 'Add', of: [[2, 3], [3]] },
  { op: 'Add', of: [[], [1, 1, 1]] },
  { op: 'Add', of: [[1], []] },
  {
    op: 'Sub',
    of: [
      [2, 1, 3],
      [4, 1],
    ],
  },
  { op: 'Mul', of: [[2, 3], []] },
  {
    op: 'Mul',
    of: [
      [1, 3],
      [2, 2, 1],
    ],
  },
  { op: 'Div', of: [[2, 3], [3]], range: [0.5, 2] },
  { op: 'Div', of: [[], [2, 2]], range: [0.5, 2] },
  { op: 'Sum', of: [[2, 3], [3], [2, 1]] },
  { op: 'Neg', of: [[2, 3]] },
  { op: 'Abs', of: [[2, 3]], range: [0.2, 1] },
  { op: 'Abs', of: [[2, 3]], range: [-1, -0.2] },
  { op: 'Reciprocal', of: [[2, 3]], range: [0.5, 2] },
  { op: 'Sqrt', of: [[2, 3]], range: [0.5, 2] },
  { op: 'Exp', of: [[2, 3]] },
  { op: 'Log', of: [[2, 3]], range: [0.5, 2] },
  { op: 'Sin', of: [[2, 3]] },
  { op: 'Cos', of: [[2, 3]] },
  { op: 'Tanh', of: [[2, 3]] },
  { op: 'Sigmoid', of: [[2, 3]] },
  { op: 'Relu', of: [[2, 3]], range: [0.2, 1] },
  { op: 'Relu', of: [[2, 3]], range: [-1, -0.2] },
  { op: 'Erf', of: [[2, 3]] },
  { op: 'Pow', of: [[2, 3]], with: { 1: scalar(2) } },
  { op: 'Pow', of: [[2, 3]], with: { 1: floats(3) } },
  { op: 'Pow', of: [[2, 3]], with: { 1: scalar(-0.5) }, range: [0.5, 2] },
  { op: 'Pow', of: [[2, 3]], with: { 1: index(2) } },
  { op: 'Gelu', of: [[2, 3]], opsets: [20, 23] },
  { op: 'Gelu', of: [[2, 3]], attributes: { approximate: 'tanh' }, opsets: [20] },
  { op: 'Cast', of: [[2, 3]], attributes: { to: 1n } },
  { op: 'Where', of: [[2, 3], [3]], with: { 0: constantOf('bool', [2, 1], [1, 0]) } },
  {
    op: 'MatMul',
    of: [
      [2, 3],
      [3, 4],
    ],
  },
  {
    op: 'MatMul',
    of: [
      [2, 2, 3],
      [3, 2],
    ],
  },
  {
    op: 'MatMul',
    of: [
      [2, 3],
      [2, 3, 2],
    ],
  },
  {
    op: 'MatMul',
    of: [
      [2, 1, 2, 3],
      [2, 3, 2],
    ],
  },
  { op: 'MatMul', of: [[3], [3, 2]] },
  { op: 'MatMul', of: [[2, 2, 3], [3]] },
  { op: 'MatMul', of: [[3], [2, 3, 2]] },
  { op: 'MatMul', of: [[3], [3]] },
  { op: 'Gemm', of: [[2, 3], [3, 4], [4]] },
  {
    op: 'Gemm',
    of: [
      [2, 3],
      [3, 4],
    ],
    attributes: { alpha: 0.5 },
  },
  {
    op: 'Gemm',
    of: [
      [3, 2],
      [3, 4],
      [2, 1],
    ],
    attributes: { transA: 1n, alpha: 2, beta: 0.5 },
  },
  {
    op: 'Gemm',
    of: [
      [2, 3],
      [4, 3],
      [1, 4],
    ],
    attributes: { transB: 1n, beta: 2 },
  },
  { op: 'Gemm', of: [[3, 2], [4, 3], []], attributes: { transA: 1n, transB: 1n } },
  {
    op: 'Einsum',
    of: [
      [2, 2, 3],
      [2, 4, 3],
    ],
    attributes: { equation: 'b i d, b j d -> b i j' },
  },
  {
    op: 'Einsum',
    of: [
      [2, 2, 4],
      [2, 4, 3],
    ],
    attributes: { equation: 'bij,bjd->bid' },
  },
  { op: 'Conv', of: [[1, 2, 5, 4]], with: { 1: weight(3, 2, 3, 3) }, attributes: { pads: [1n, 0n, 1n, 2n] } },
  {
    op: 'Conv',
    of: [[1, 2, 6, 5]],
    with: { 1: weight(2, 2, 3, 3), 2: floats(1, 2) },
    attributes: { strides: [2n, 2n], pads: [0n, 0n, 1n, 1n] },
  },
  { op: 'Conv', of: [[2, 3, 2, 2]], with: { 1: weight(4, 3, 1, 1) } },
  { op: 'Softmax', of: [[2, 3]], attributes: { axis: -1n }, opsets: [13, 23] },
  { op: 'Softmax', of: [[2, 3, 2]], attributes: { axis: 1n } },
  { op: 'ReduceSum', of: [[2, 3, 2]], with: { 1: ints(1, -1) } },
  { op: 'ReduceSum', of: [[2, 3]], with: { 1: ints(0) }, attributes: { keepdims: 0n } },
  { op: 'ReduceSum', of: [[2, 3]] },
  { op: 'ReduceSum', of: [[2, 3]], with: { 1: ints() }, attributes: { noop_with_empty_axes: 1n } },
  { op: 'ReduceMean', of: [[2, 3, 2]], attributes: { axes: [-1n], keepdims: 0n }, opsets: [13, 17] },
  { op: 'ReduceMean', of: [[2, 3, 2]], with: { 1: ints(1, 2) }, opsets: [18, 23] },
  { op: 'ReduceMean', of: [[2, 3]], opsets: [17, 18] },
  { op: 'ReduceL2', of: [[2, 3]], attributes: { axes: [1n] } },
  { op: 'InstanceNormalization', of: [[2, 2, 5]], with: { 1: floats(1, 1), 2: floats(0, 0) } },
  {
    op: 'InstanceNormalization',
    of: [[1, 2, 2, 3]],
    with: { 1: floats(2, -1), 2: floats(1, 3) },
    attributes: { epsilon: 0.01 },
  },
  { op: 'LayerNormalization', of: [[2, 2, 4]], with: { 1: floats(1, 2, -1, 3), 2: floats(1, 2, 3, 4) } },
  {
    op: 'LayerNormalization',
    of: [[2, 2, 2]],
    with: { 1: constantOf('float32', [2, 2], [1, 2, 3, 4]) },
    attributes: { axis: 1n, epsilon: 0.1 },
    opsets: [17, 18],
  },
  { op: 'RMSNormalization', of: [[2, 2, 4]], with: { 1: floats(1, 2, -1, 3) }, opsets: [23] },
  {
    op: 'RMSNormalization',
    of: [[2, 2, 2]],
    with: { 1: constantOf('float32', [2, 2], [1, 1, 1, 1]) },
    attributes: { axis: 1n, epsilon: 0.1 },
    opsets: [23],
  },
  {
    op: 'GroupNormalization',
    of: [[2, 4, 3]],
    with: { 1: floats(1, 2), 2: floats(3, 4) },
    attributes: { num_groups: 2n },
    opsets: [18, 20],
  },
  {
    op: 'GroupNormalization',
    of: [[1, 4, 2, 2]],
    with: { 1: floats(1, 2, 3, 4), 2: floats(4, 3, 2, 1) },
    attributes: { num_groups: 2n },
    opsets: [21, 23],
  },
  {
    op: 'Attention',
    of: [
      [1, 2, 3, 4],
      [1, 2, 2, 4],
      [1, 2, 2, 3],
    ],
    opsets: [23],
  },
  {
    op: 'Attention',
    of: [
      [1, 3, 4],
      [1, 3, 4],
      [1, 3, 4],
    ],
    attributes: { q_num_heads: 2n, kv_num_heads: 2n, is_causal: 1n, scale: 0.7 },
    opsets: [23],
  },
  {
    op: 'Attention',
    of: [
      [1, 2, 8],
      [1, 2, 4],
      [1, 2, 4],
    ],
    attributes: { q_num_heads: 4n, kv_num_heads: 2n },
    opsets: [23],
  },
  {
    op: 'Attention',
    of: [
      [1, 1, 2, 2],
      [1, 1, 3, 2],
      [1, 1, 3, 2],
    ],
    with: { 3: constantOf('bool', [2, 3], [1, 1, 0, 1, 0, 1]) },
    opsets: [23],
  },
  {
    op: 'Attention',
    of: [
      [1, 1, 2, 2],
      [1, 1, 2, 2],
      [1, 1, 2, 2],
    ],
    with: { 3: constantOf('float32', [2, 2], [0, -3, 1, 0]) },
    opsets: [23],
  },
  { op: 'Reshape', of: [[2, 3]], with: { 1: ints(0, -1, 1) } },
  { op: 'Flatten', of: [[2, 3, 2]], attributes: { axis: 2n } },
  { op: 'Squeeze', of: [[2, 1, 3]], with: { 1: ints(1) } },
  { op: 'Unsqueeze', of: [[2, 3]], with: { 1: ints(0, -1) } },
  { op: 'Expand', of: [[3, 1]], with: { 1: ints(2, 1, 4) } },
  { op: 'Transpose', of: [[2, 3, 2]], attributes: { perm: [2n, 0n, 1n] } },
  { op: 'Transpose', of: [[2, 3]] },
  {
    op: 'Concat',
    of: [
      [2, 1],
      [2, 3],
      [2, 2],
    ],
    attributes: { axis: -1n },
  },
  { op: 'Split', of: [[2, 5]], with: { 1: ints(2, 3) }, attributes: { axis: -1n }, outputs: 2 },
  { op: 'Split', of: [[4, 2]], attributes: { axis: 0n, num_outputs: 2n }, outputs: 2, opsets: [18, 23] },
  { op: 'Slice', of: [[4, 5]], with: { 1: ints(1, -3), 2: ints(far, far), 3: ints(0, -1) } },
  { op: 'Slice', of: [[4, 5]], with: { 1: ints(0), 2: ints(-1) } },
  { op: 'Slice', of: [[3, 2]], with: { 1: ints(-far), 2: ints(2), 3: ints(0), 4: ints(1) } },
  { op: 'Slice', of: [[2, 6]], with: { 1: ints(0), 2: ints(far), 3: ints(-1), 4: ints(2) } },
  { op: 'Slice', of: [[2, 5]], with: { 1: ints(1), 2: ints(5), 3: ints(1), 4: ints(3) } },
  { op: 'Slice', of: [[5, 7]], with: { 1: ints(1, -6), 2: ints(4, far), 3: ints(0, 1), 4: ints(2, 4) } },
  { op: 'Pad', of: [[2, 3]], with: { 1: ints(0, 1, 2, 0), 2: scalar(5) } },
  { op: 'Pad', of: [[2, 3]], with: { 1: ints(1, 0, 0, -1) } },
  { op: 'Pad', of: [[2, 3]], with: { 1: ints(1, 2), 2: null, 3: ints(-1) }, opsets: [18] },
  {
    op: 'Resize',
    of: [[1, 2, 2, 3]],
    with: { 1: null, 2: floats(1, 1, 2, 2) },
    attributes: { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' },
  },
  {
    op: 'Resize',
    of: [[1, 1, 2, 2]],
    with: { 1: null, 2: null, 3: ints(1, 1, 6, 4) },
    attributes: { mode: 'nearest' },
  },
  { op: 'Gather', of: [[3, 4]], with: { 1: matrix(2, 0, 2, -1, 0) } },
  { op: 'Gather', of: [[2, 3, 2]], with: { 1: index(1) }, attributes: { axis: 1n } },
  { op: 'GatherND', of: [[2, 3, 2]], with: { 1: matrix(2, 0, 2, 1, 0) } },
  { op: 'GatherND', of: [[2, 3]], with: { 1: matrix(2, 0, 2, 1, 0) }, opsets: [13] },
  {
    op: 'ScatterND',
    of: [
      [4, 2],
      [2, 2],
    ],
    with: { 1: matrix(2, 3, 1) },
  },
]

function weight(...dims: number[]): Constant {
  const { data } = randomTensor(dims, seeded(7))
  return constantOf('float32', dims, [...data])
}

/** The inputs in order: constants where the case says so, else the next float input. */
function graphFor({ op, of, with: constants = {}, attributes, outputs = 1 }: Case, opset: number) {
  const places = Array.from({ length: of.length + Object.keys(constants).length }, (_, place) => place)
  const names = of.map((_, order) => `x${order}`)
  const waiting = [...names]
  const inputs = places.map((place) =>
    constants[place] === null ? '' : constants[place] ? `c${place}` : waiting.shift()!,
  )
  const results = Array.from({ length: outputs }, (_, order) => `y${order}`)
  return graphOf({
    irVersion: opset > 20 ? 10 : 8,
    opsets: new Map([['', opset]]),
    inputs: names.map((name, order) => ({ name, type: 'float32', dims: of[order]! })),
    constants: new Map(Object.entries(constants).flatMap(([place, value]) => (value ? [[`c${place}`, value]] : []))),
    nodes: [node(op, inputs, results, attributes)],
    outputs: results,
  })
}

for (const [order, each] of cases.entries()) {
  const { op, of, range = [-1, 1], opsets = [17] } = each
  for (const opset of opsets) {
    test(`${op} of ${JSON.stringify(of)} in opset ${opset} has the gradient that central differences have`, async () => {
      const random = seeded(1 + order)
      const feeds = Object.fromEntries(of.map((dims, index) => [`x${index}`, randomTensor(dims, random, ...range)]))
      const error = await errorAgainstDifferences(graphFor(each, opset), feeds, random)
      assert.ok(error < 1e-3, `error ${error}`)
    })
  }
}

test('every rule has a case', () => {
  // The cases of SlicedAttention are in attention.test.ts: it is never in a model.
  const covered = new Set([...cases.map(({ op }) => op), 'isto.SlicedAttention'])
  assert.deepEqual(
    Object.keys(rules).filter((operator) => !covered.has(operator)),
    [],
  )
})
