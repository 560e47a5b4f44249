import { Emitter } from '../onnx/emitter.ts'
import { type Graph, isFloat, type Node, namesUsed, type Value } from '../onnx/graph.ts'

/** Operators that make at most one pass over their input. */
const cheap = new Set(
  'Add Sub Mul Div Neg Sigmoid Erf Tanh Gelu Exp Sqrt Slice Reshape InstanceNormalization GroupNormalization LayerNormalization'.split(
    ' ',
  ),
)

/** The fewest bytes that are worth saving. */
const leastGain = 2 ** 20

/**
 * Lets the backward pass compute again, by cheap operators from a single value, what it would otherwise keep from the
 * forward pass: of a feed-forward layer's gate or a normalized activation only the source stays in memory. The second
 * computation waits for a gradient that exists by then, because ONNX Runtime would otherwise merge it with the first.
 *
 * @param graph What {@link gradient} returns. `forward` are the nodes that were there before, `cotangents` the names of
 *   the gradients it started with.
 */
export function rematerialize(
  graph: Graph,
  { forward, cotangents }: { readonly forward: ReadonlySet<Node>; readonly cotangents: readonly string[] },
  least = leastGain,
): Graph {
  const chains = chainsOf(graph, forward, least)
  if (chains.size === 0) return graph
  const emit = new Emitter({ ...graph, nodes: [] }, 'again/')
  const fromLoss = new Set(cotangents)
  const renamed = new Map<string, string>()
  let latest = sizedIn(graph, cotangents[0]!)
  for (const node of graph.nodes) {
    if (forward.has(node)) {
      emit.keep(node)
      continue
    }
    for (const name of node.inputs) {
      const chain = renamed.has(name) ? undefined : chains.get(name)
      if (chain) for (const [from, to] of rematerialized(graph, chain, latest, emit)) renamed.set(from, to)
    }
    emit.keep({ ...node, inputs: node.inputs.map((name) => renamed.get(name) ?? name) })
    if (!namesUsed(node).some((name) => fromLoss.has(name))) continue
    for (const name of node.outputs) fromLoss.add(name)
    const value = sizedIn(graph, node.outputs[0]!)
    if (isFloat(value.type) && sizeOf(value) > 0) latest = value
  }
  return emit.graph()
}

/** The values that follow from `source` by cheap operators and that the backward pass needs. */
interface Chain {
  readonly source: string
  readonly wanted: readonly string[]
  readonly producers: ReadonlyMap<string, Node>
}

/** By the names of the needed values. */
function chainsOf(graph: Graph, forward: ReadonlySet<Node>, least: number): Map<string, Chain> {
  const producers = new Map([...forward].flatMap((node) => node.outputs.map((name) => [name, node])))
  const bytes = (name: string) => 4 * sizeOf(sizedIn(graph, name))
  const sources = new Map<string, string>()
  for (const node of forward) {
    for (const name of node.outputs) sources.set(name, name)
    if (!cheap.has(node.operator) || node.domain !== '') continue
    const origins = new Set(largeInputs(graph, node).map((name) => sources.get(name) ?? name))
    if (origins.size === 1) sources.set(node.outputs[0]!, [...origins][0]!)
  }
  /** The value that another is a view of. */
  const based = (name: string): string => {
    const node = producers.get(name)
    return node?.operator === 'Reshape' ? based(node.inputs[0]!) : name
  }
  const used = new Set(graph.nodes.filter((node) => !forward.has(node)).flatMap(namesUsed))
  const kept = new Set([...used].map(based))
  const outputs = new Set(graph.outputs)
  const wanted = [...used].filter(
    (name) => producers.has(name) && based(name) !== sources.get(name) && !outputs.has(based(name)),
  )
  const chains = new Map<string, Chain>()
  for (const [source, names] of Map.groupBy(wanted, (name) => sources.get(name)!)) {
    const gain = [...new Set(names.map(based))].reduce((total, name) => total + bytes(name), 0)
    const cost = kept.has(source) || !producers.has(source) ? 0 : bytes(source)
    if (gain - cost >= least) for (const name of names) chains.set(name, { source, wanted: names, producers })
  }
  return chains
}

/** The inputs of a node that are not small beside its output; the others are kept as they are. */
function largeInputs(graph: Graph, node: Node): string[] {
  const made = sizeOf(sizedIn(graph, node.outputs[0]!))
  return node.inputs.filter((name) => {
    return name !== '' && !graph.constants.has(name) && 16 * sizeOf(sizedIn(graph, name)) > made
  })
}

/** Emits a chain a second time, to be computed after `after`. @returns the new names of the needed values */
function rematerialized(
  graph: Graph,
  { source, wanted, producers }: Chain,
  after: Value,
  emit: Emitter,
): Map<string, string> {
  const made = new Map<string, { readonly value: Value; readonly waits: boolean }>()
  const make = (name: string): { readonly value: Value; readonly waits: boolean } => {
    const known = made.get(name)
    if (known) return known
    if (name === source) return { value: sizedIn(graph, name), waits: false }
    const node = producers.get(name)!
    const large = new Set(largeInputs(graph, node))
    const parts = node.inputs.map((input) => (large.has(input) ? make(input) : undefined))
    const inputs = node.inputs.map((input, index) => parts[index]?.value ?? (input ? sizedIn(graph, input) : undefined))
    let waits = parts.some((part) => part?.waits)
    if (!waits && node.operator !== 'Reshape') {
      const small = node.operator === 'Slice' ? 1 : node.inputs.findIndex((input) => graph.constants.has(input))
      if (small >= 0) inputs[small] = emit.after(inputs[small]!, [after])
      else inputs[0] = emit.mul(inputs[0]!, emit.after(emit.constant(inputs[0]!.type, [1], [1]), [after]))
      waits = true
    }
    const { dims, type } = sizedIn(graph, name)
    const value = emit.node(node.operator, inputs, dims, { attributes: node.attributes, type })
    made.set(name, { value, waits })
    return { value, waits }
  }
  return new Map(wanted.map((name) => [name, make(name).value.name]))
}

function sizedIn({ values, inputs, constants }: Graph, name: string): Value {
  const found = values.get(name) ?? inputs.find((each) => each.name === name) ?? constants.get(name)
  return { ...(found as Value), name }
}

const sizeOf = ({ dims }: Value) => dims.reduce((product, dim) => product * dim, 1)
