import {
  type Constant,
  constantOf,
  type Graph,
  isOnDisk,
  type Node,
  numbersOf,
  prune,
  type ValueInfo,
} from './graph.ts'

/**
 * A float32 graph with all sizes known, computed in float16 where that is safe. Weights stored as float16 are used as
 * they are. Products, activations, normalizations and sums of float16 values are float16 (they accumulate in more).
 * Powers, roots, exponentials, reductions, and whatever is added to or multiplied with their results, stay float32,
 * because their numbers exceed the range; they become float16 again in the next product. Inputs and outputs stay
 * float32.
 */
export function toFloat16(graph: Graph, wide: ReadonlySet<string> = outOfRange): Graph {
  const constants = new Map(graph.constants)
  const values = new Map<string, ValueInfo>([
    ...graph.inputs.map((each) => [each.name, each] as const),
    ...graph.values,
  ])
  const nodes: Node[] = []
  /** `name type` → the name of the cast value */
  const casts = new Map<string, string>()
  const as = (type: 'float16' | 'float32', name: string): string => {
    const info = values.get(name) ?? constants.get(name)
    if (info?.type !== (type === 'float16' ? 'float32' : 'float16')) return name
    const known = casts.get(`${name} ${type}`)
    if (known) return known
    const copy = `${name} as ${type}`
    casts.set(`${name} ${type}`, copy)
    const constant = constants.get(name)
    if (constant && type === 'float16') constants.set(copy, narrowConstant(constant))
    else nodes.push(cast(name, copy, type))
    if (!constants.has(copy)) values.set(copy, { name: copy, type, dims: info.dims })
    return copy
  }
  for (const node of graph.nodes) {
    const isFloat = node.outputs.some((name) => values.get(name)?.type === 'float32')
    if (!isFloat || node.operator === 'Cast' || !isHalf(node, values, constants, wide)) {
      // Casts accept anything. So do nodes that compute integers from floats, except comparisons.
      const inputs = node.operator === 'Cast' ? node.inputs : node.inputs.map((name) => as('float32', name))
      nodes.push({ ...node, inputs })
      continue
    }
    // A Resize takes its scales in float32.
    const inputs = node.inputs.map((name, index) =>
      node.operator === 'Resize' && index > 0 ? name : as('float16', name),
    )
    const outputs = node.outputs.map((name) => (graph.outputs.includes(name) ? `${name} as float16` : name))
    nodes.push({ ...node, inputs, outputs })
    for (const [index, name] of node.outputs.entries()) {
      const info = values.get(name)
      const own = outputs[index]!
      if (info?.type === 'float32') values.set(own, { ...info, name: own, type: 'float16' })
      if (own === name) continue
      casts.set(`${name} float16`, own)
      nodes.push(cast(own, name, 'float32'))
    }
  }
  return prune({ ...graph, nodes, constants, values })
}

function isHalf(
  { operator, inputs }: Node,
  values: ReadonlyMap<string, ValueInfo>,
  constants: ReadonlyMap<string, Constant>,
  wide: ReadonlySet<string>,
): boolean {
  if (products.has(operator)) return true
  if (wide.has(operator)) return false
  // Scalars, weights and indices don't decide.
  const types = inputs.filter((name) => !constants.has(name)).map((name) => values.get(name)?.type)
  // A weight that is only transposed or reshaped is a weight.
  if (types.length === 0) return weightMovements.has(operator)
  return !types.includes('float32') && types.includes('float16')
}

const weightMovements = new Set(['Transpose', 'Reshape'])

const products = new Set(['MatMul', 'Gemm', 'Conv', 'ConvTranspose'])

/** Operators whose numbers exceed the range of float16, or that lose what matters. */
const outOfRange = new Set(
  'ReduceMean ReduceSum ReduceSumSquare ReduceMax Pow Sqrt Exp Log Sin Cos Reciprocal Range Max Abs'.split(' '),
)

const cast = (from: string, to: string, type: 'float16' | 'float32'): Node => ({
  operator: 'Cast',
  domain: '',
  name: `${to}/cast`,
  inputs: [from],
  outputs: [to],
  attributes: { to: type === 'float16' ? 10n : 1n },
})

function narrowConstant(constant: Constant): Constant {
  const { dims, data, storedAs } = constant
  if (!isOnDisk(data)) {
    const numbers = numbersOf(constant)!.map((value) => Math.min(largestHalf, Math.max(-largestHalf, value)))
    return constantOf('float16', dims, numbers)
  }
  return storedAs === 'float16'
    ? { type: 'float16', dims, data }
    : { type: 'float16', dims, data, storedAs: storedAs ?? 'float32' }
}

/** A mask of −∞ keeps its effect. */
const largestHalf = 65504
