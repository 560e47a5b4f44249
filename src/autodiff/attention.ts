import { Emitter } from '../onnx/emitter.ts'
import { type Graph, type Node, node, numbersOf, type Value, valueNamed } from '../onnx/graph.ts'
import type { Rule } from './rule.ts'

/** The size of an attention map, all heads of the batch together, from which on it is computed in slices. In bytes. */
const largestMap = 8 * 2 ** 20

/** The size of a slice: it stays in the processor's cache from one operator to the next. In bytes. */
const largestPart = 16 * 2 ** 20

const domain = 'isto'
const operator = 'SlicedAttention'

/**
 * Replaces every MatMul · scale · Softmax · MatMul with a large map by one node. The map is then never kept for the
 * backward pass, which computes it again for one head after another. {@link expandSlicedAttention} puts standard
 * operators back when the gradient has been built.
 */
export function gatherLargeAttention(graph: Graph, limit = largestMap, part = largestPart): Graph {
  const producers = new Map(graph.nodes.flatMap((each) => each.outputs.map((name) => [name, each])))
  const uses = Map.groupBy(
    graph.nodes.flatMap((each) => each.inputs.map((name) => ({ name, each }))),
    ({ name }) => name,
  )
  const onlyUse = (name: string) => {
    const users = graph.outputs.includes(name) ? [] : (uses.get(name) ?? [])
    return users.length === 1 ? users[0]!.each : undefined
  }
  const gathered = new Map<Node, Node | undefined>()
  for (const softmax of graph.nodes) {
    const map = graph.values.get(softmax.outputs[0]!) as Value
    if (softmax.operator !== 'Softmax' || !isLarge(map, limit) || !isLastAxis(softmax, map)) continue
    const scores = scaledProduct(graph, softmax.inputs[0]!, producers, onlyUse)
    const mixing = onlyUse(map.name)
    if (!scores || mixing?.operator !== 'MatMul' || mixing.inputs[0] !== map.name) continue
    const { product, scale, between } = scores
    for (const each of [product, softmax, ...between]) gathered.set(each, undefined)
    const inputs = [...product.inputs, mixing.inputs[1]!]
    if (!sameBatch(graph, inputs)) continue
    const rows = BigInt(Math.max(1, Math.floor(part / (4 * map.dims.at(-1)!))))
    gathered.set(mixing, { ...node(operator, inputs, mixing.outputs, { scale, rows }), domain, name: mixing.name })
  }
  return { ...graph, nodes: graph.nodes.flatMap((each) => (gathered.has(each) ? (gathered.get(each) ?? []) : [each])) }
}

/** Standard operators for every gathered attention, one slice after another. */
export function expandSlicedAttention(graph: Graph): Graph {
  if (!graph.nodes.some(isSliced)) return graph
  const emit = new Emitter({ ...graph, nodes: [] }, 'sliced/')
  for (const each of graph.nodes) {
    if (!isSliced(each)) {
      emit.keep(each)
      continue
    }
    const [q, kT, v] = each.inputs.map((name) => valueNamed(graph, name)) as [Value, Value, Value]
    const heads = headsOf(q, emit).map((head) => {
      const [keys, values] = [head(kT), head(v)]
      const weights = partsOf(each, q).map((part) =>
        softmax(part(head(q), emit), keys, each.attributes.scale as number, emit),
      )
      return emit.concat(
        weights.map((rows) => emit.matmul(rows, values)),
        0,
      )
    })
    const y = joined(heads, [...q.dims.slice(0, -1), v.dims.at(-1)!], emit)
    emit.node('Identity', [y], y.dims, { name: each.outputs[0]! })
  }
  return emit.graph()
}

/**
 * For each slice of the queries P = softmax(scale·q·kᵀ); D = Σ g∘y along a row, which is Σ P∘∂P; then ∂S = P∘(g·vᵀ −
 * D), ∂q = scale·∂S·k, and summed over the slices ∂k = scale·∂Sᵀ·q, ∂v = Pᵀ·g. D is subtracted inside the product, by
 * one more column of g and ones beside v. The queries of each slice are tied to the gradients before them: otherwise
 * ONNX Runtime would keep the maps of all slices alive, or notice that P is the forward pass's and keep that.
 */
const slicedAttention: Rule = ({ node, inputs, y, gradient }, emit) => {
  const [q, kT, v] = inputs as [Value, Value, Value]
  const scale = node.attributes.scale as number
  const last = y.dims.length - 1
  const lessRows = emit.concat([gradient, emit.neg(emit.sum(emit.mul(gradient, y), [last]))], last)
  const besideOnes = emit.concat([v, emit.ones(v.type, v.dims.with(-1, 1))], last)
  let before: Value[] = []
  const heads = headsOf(q, emit).map((head): [Value, Value, Value] => {
    const [k, values, g, less] = [head(kT), head(besideOnes), head(gradient), head(lessRows)]
    const parts = partsOf(node, q).map((part): [Value, Value, Value] => {
      const queries = emit.after(part(head(q), emit), before.length > 0 ? before : [g])
      const weights = softmax(queries, k, scale, emit)
      const slope = emit.mul(weights, emit.gemm(part(less, emit), values, { transB: true }))
      const found: [Value, Value, Value] = [
        emit.gemm(slope, k, { transB: true, alpha: scale }),
        emit.gemm(queries, slope, { transA: true, alpha: scale }),
        emit.gemm(weights, part(g, emit), { transA: true }),
      ]
      before = found
      return found
    })
    const [queries, keys, mixed] = [0, 1, 2].map((index) => parts.map((each) => each[index]!))
    return [emit.concat(queries!, 0), emit.total(keys!), emit.total(mixed!)]
  })
  return [q, kT, v].map((input, index) =>
    joined(
      heads.map((each) => each[index]!),
      input.dims,
      emit,
    ),
  )
}

export const attention: Record<string, Rule> = { [`${domain}.${operator}`]: slicedAttention }

const isSliced = (each: Node) => each.domain === domain && each.operator === operator

const isLarge = (map: Value, limit: number) => map.dims.reduce((bytes, dim) => bytes * dim, 4) > limit

function isLastAxis(each: Node, { dims }: Value): boolean {
  const axis = Number(each.attributes.axis ?? -1n)
  return axis === -1 || axis === dims.length - 1
}

/** The MatMul that computes `name`, and what it is multiplied by on the way. */
function scaledProduct(
  graph: Graph,
  name: string,
  producers: ReadonlyMap<string, Node>,
  onlyUse: (name: string) => Node | undefined,
): { product: Node; scale: number; between: Node[] } | undefined {
  const found = producers.get(name)
  if (!found || !onlyUse(name)) return undefined
  if (found.operator === 'MatMul') return { product: found, scale: 1, between: [] }
  const factor = graph.constants.get(found.inputs[1] ?? '')
  const numbers = factor && numbersOf(factor)
  if (numbers?.length !== 1 || (found.operator !== 'Mul' && found.operator !== 'Div')) return undefined
  const before = scaledProduct(graph, found.inputs[0]!, producers, onlyUse)
  const scale = found.operator === 'Mul' ? numbers[0]! : 1 / numbers[0]!
  return before && { ...before, scale: before.scale * scale, between: [...before.between, found] }
}

/** All operands have the same batch, and none is a weight. */
function sameBatch(graph: Graph, names: readonly string[]): boolean {
  const batches = names.map((name) => valueNamed(graph, name)?.dims.slice(0, -2).join())
  return batches.every((batch) => batch === batches[0] && batch !== undefined)
}

/** For every matrix of the batch, how to take it out of an operand: [rows, columns]. */
function headsOf(like: Value, emit: Emitter): ((operand: Value) => Value)[] {
  const count = like.dims.slice(0, -2).reduce((product, dim) => product * dim, 1)
  return Array.from({ length: count }, (_, index) => (operand: Value) => {
    const matrix = operand.dims.slice(-2)
    return emit.reshape(emit.slice(emit.reshape(operand, [count, ...matrix]), 0, index, index + 1), matrix)
  })
}

/** How to take the rows of a matrix in slices of the size that the attention asks for. */
function partsOf({ attributes }: Node, { dims }: Value): ((matrix: Value, emit: Emitter) => Value)[] {
  const [rows, atOnce] = [dims.at(-2)!, Number(attributes.rows)]
  return Array.from(
    { length: Math.ceil(rows / atOnce) },
    (_, index) => (matrix: Value, emit: Emitter) =>
      emit.slice(matrix, 0, index * atOnce, Math.min(rows, (index + 1) * atOnce)),
  )
}

const joined = (slices: readonly Value[], dims: readonly number[], emit: Emitter) =>
  emit.reshape(
    emit.concat(
      slices.map((slice) => emit.reshape(slice, [1, ...slice.dims])),
      0,
    ),
    dims,
  )

function softmax(q: Value, kT: Value, scale: number, emit: Emitter): Value {
  const scores = emit.gemm(q, kT, { alpha: scale })
  return emit.node('Softmax', [scores], scores.dims, { attributes: { axis: -1n } })
}
