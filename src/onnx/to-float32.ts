import { type Attribute, type Constant, constantOf, type Graph, isOnDisk, type Node, numbersOf } from './graph.ts'

/**
 * The same graph in float32 instead of float16. Weights on disk stay as they are and are widened when a session opens.
 * A CPU computes half floats by widening every operand anyway, and a backward pass in them loses three digits.
 */
export function toFloat32(graph: Graph): Graph {
  return {
    ...graph,
    inputs: graph.inputs.map(wide),
    values: new Map([...graph.values].map(([name, value]) => [name, wide(value)])),
    constants: new Map([...graph.constants].map(([name, constant]) => [name, wideConstant(constant)])),
    nodes: graph.nodes.map(wideNode),
  }
}

const wide = <T extends { readonly type: string }>(typed: T): T =>
  typed.type === 'float16' ? { ...typed, type: 'float32' } : typed

function wideConstant(constant: Constant): Constant {
  if (constant.type !== 'float16') return constant
  const { storedAs = 'float16', ...own } = constant
  if (isOnDisk(own.data)) return { ...own, type: 'float32', ...(storedAs !== 'float32' && { storedAs }) }
  return constantOf('float32', constant.dims, numbersOf(constant)!)
}

/** Some operators state in an attribute which type they make: 1 is float32, 10 is float16. */
function wideNode(node: Node): Node {
  const attributes = Object.entries(node.attributes).map(([name, value]): [string, Attribute] => {
    if ((name === 'to' || name === 'dtype') && value === 10n) return [name, 1n]
    return [name, typeof value === 'object' && 'data' in value ? wideConstant(value) : value]
  })
  return { ...node, attributes: Object.fromEntries(attributes) }
}
