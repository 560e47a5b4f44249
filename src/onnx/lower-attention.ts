import { Emitter } from './emitter.ts'
import { type Graph, isFloat, type Node, type Value, valueNamed } from './graph.ts'

/**
 * Rewrites the operator Attention (opset 23) as MatMul, Softmax and MatMul, so that the backward pass can use what the
 * forward pass computed. Sizes have to be known. Forms that no export of a diffusion model uses stay as they are.
 */
export function lowerAttention(graph: Graph): Graph {
  if (!graph.nodes.some(isAttention)) return graph
  const emit = new Emitter({ ...graph, nodes: [] }, 'attention/')
  for (const node of graph.nodes) {
    if (isAttention(node) && isPlain(node)) attention(node, graph, emit)
    else emit.keep(node)
  }
  return emit.graph()
}

const isAttention = (node: Node) => node.operator === 'Attention' && node.domain === ''

const isPlain = ({ inputs, outputs, attributes }: Node) =>
  inputs.slice(4).every((name) => name === '') && outputs.slice(1).every((name) => name === '') && !attributes.softcap

/** softmax(scale · q·kᵀ + mask)·v, as [batch, heads, length, width] inside. */
function attention(node: Node, graph: Graph, emit: Emitter): void {
  const [queries, keys, values] = node.inputs.map((name) => operandOf(graph, name)) as [Value, Value, Value]
  const queryHeads = Number(node.attributes.q_num_heads ?? queries.dims[1])
  const keyHeads = Number(node.attributes.kv_num_heads ?? keys.dims[1])
  const q = byHead(queries, queryHeads, emit)
  const [k, v] = [keys, values].map((each) => repeatHeads(byHead(each, keyHeads, emit), queryHeads, emit)) as [
    Value,
    Value,
  ]
  const scale = (node.attributes.scale as number | undefined) ?? 1 / Math.sqrt(q.dims[3]!)
  const scores = masked(emit.matmul(emit.mul(q, scale), emit.swap(k)), node, graph, emit)
  const weights = emit.node('Softmax', [scores], scores.dims, { attributes: { axis: -1n } })
  const mixed = emit.matmul(weights, v)
  const joined = queries.dims.length === 4 ? mixed : joinHeads(mixed, emit)
  emit.node('Identity', [joined], joined.dims, { name: node.outputs[0]! })
}

function operandOf(graph: Graph, name: string): Value {
  const constant = graph.constants.get(name)
  return (constant ? { name, ...constant } : valueNamed(graph, name)) as Value
}

function byHead(x: Value, heads: number, emit: Emitter): Value {
  if (x.dims.length === 4) return x
  const [batch, length, width] = x.dims as [number, number, number]
  return emit.transpose(emit.reshape(x, [batch, length, heads, width / heads]), [0, 2, 1, 3])
}

function joinHeads(x: Value, emit: Emitter): Value {
  const [batch, heads, length, width] = x.dims as [number, number, number, number]
  return emit.reshape(emit.transpose(x, [0, 2, 1, 3]), [batch, length, heads * width])
}

/** Grouped heads: each key head serves several consecutive query heads. */
function repeatHeads(x: Value, heads: number, emit: Emitter): Value {
  const [batch, own, length, width] = x.dims as [number, number, number, number]
  if (own === heads) return x
  const repeated = emit.expand(emit.reshape(x, [batch, own, 1, length, width]), [
    batch,
    own,
    heads / own,
    length,
    width,
  ])
  return emit.reshape(repeated, [batch, heads, length, width])
}

/** Masks are added to the scores, or say as bool which scores count; a causal mask hides later positions. */
function masked(scores: Value, node: Node, graph: Graph, emit: Emitter): Value {
  const [rows, columns] = scores.dims.slice(-2) as [number, number]
  const lowest = emit.constant(scores.type, [], [scores.type === 'float16' ? -65504 : -3.4e38])
  const hide = (keep: Value, from: Value) => emit.node('Where', [keep, from, lowest], from.dims, { type: from.type })
  const mask = node.inputs[3] ? operandOf(graph, node.inputs[3]) : undefined
  const own = !mask ? scores : isFloat(mask.type) ? emit.add(scores, mask) : hide(mask, scores)
  if (!node.attributes.is_causal) return own
  const triangle = Array.from({ length: rows * columns }, (_, at) => (at % columns <= Math.floor(at / columns) ? 1 : 0))
  return hide(emit.constant('bool', [rows, columns], triangle), own)
}
