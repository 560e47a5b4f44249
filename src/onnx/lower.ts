import { constantOf, type ElementType, type Graph, type Node } from './graph.ts'

/**
 * Rewrites GroupNormalization as InstanceNormalization, as older exports have it. ONNX Runtime's CPU has a kernel only
 * for the latter, and would replace the former by a dozen operators of unknown sizes.
 */
export function lowerGroupNormalization(graph: Graph): Graph {
  const constants = new Map(graph.constants)
  const nodes = graph.nodes.flatMap((node) => {
    const isGroupNormalization = node.operator === 'GroupNormalization' && node.domain === ''
    const scale = constants.get(node.inputs[1]!)
    return isGroupNormalization && scale ? groupNormalization(node, scale.type, scale.dims[0]!, constants) : [node]
  })
  return { ...graph, nodes, constants }
}

/** x: [n, channels, …]. Until opset 20 scale and bias are [groups], from 21 on [channels]. */
function groupNormalization(
  node: Node,
  type: ElementType,
  length: number,
  constants: Map<string, ReturnType<typeof constantOf>>,
) {
  const [x = '', scale = '', bias = ''] = node.inputs
  const [y = ''] = node.outputs
  const name = (suffix: string) => `${y}/${suffix}`
  const constant = (suffix: string, of: ElementType, dims: number[], numbers: number[]) => {
    constants.set(name(suffix), constantOf(of, dims, numbers))
    return name(suffix)
  }
  const emit = (operator: string, inputs: string[], suffix: string, attributes: Node['attributes'] = {}) => {
    nodes.push({ operator, domain: '', name: name(suffix), inputs, outputs: [name(suffix)], attributes })
    return name(suffix)
  }
  const nodes: Node[] = []
  const groups = Number(node.attributes.num_groups)
  const epsilon = (node.attributes.epsilon as number | undefined) ?? 1e-5
  const perGroup = length === groups
  const grouped = emit('Reshape', [x, constant('grouping', 'int64', [3], [0, groups, -1])], 'grouped')
  const ones = perGroup ? scale : constant('ones', type, [groups], Array(groups).fill(1))
  const zeros = perGroup ? bias : constant('zeros', type, [groups], Array(groups).fill(0))
  let normalized = emit('InstanceNormalization', [grouped, ones, zeros], 'normalized', { epsilon })
  if (!perGroup) {
    const column = constant('column', 'int64', [2], [length, 1])
    const channels = emit('Reshape', [normalized, constant('channeling', 'int64', [3], [0, length, -1])], 'channels')
    const scaled = emit('Mul', [channels, emit('Reshape', [scale, column], 'scale')], 'scaled')
    normalized = emit('Add', [scaled, emit('Reshape', [bias, column], 'bias')], 'shifted')
  }
  const shape = emit('Shape', [x], 'shape')
  nodes.push({
    operator: 'Reshape',
    domain: '',
    name: node.name,
    inputs: [normalized, shape],
    outputs: [y],
    attributes: {},
  })
  return nodes
}
