import { UserError } from '../errors.ts'
import { type Constant, type Graph, isFloat, type Node, prune } from './graph.ts'

const tokenEmbeddings = 'token_embeddings'

/**
 * Cuts the lookup of token embeddings out of a text encoder. Its result becomes the input `token_embeddings` [n,
 * length, width], before anything is added to it. `input_ids` stays an input, for pooling.
 *
 * @returns the new graph and the table [vocabulary, width]
 * @throws UserError if the model has no such lookup
 */
export function cutTokenEmbeddings(graph: Graph, ids = 'input_ids'): { graph: Graph; table: Constant } {
  const producers = new Map(graph.nodes.flatMap((node) => node.outputs.map((name) => [name, node])))
  const lookup = graph.nodes.find((node) => {
    const table = tableOf(graph, node.inputs[0] ?? '', producers)
    const isLookup = node.operator === 'Gather' && table?.dims.length === 2 && isFloat(table.type)
    return isLookup && comesFrom(node.inputs[1]!, ids, producers)
  })
  if (!lookup) throw new UserError(`This text encoder does not look ${ids} up in a table of token embeddings.`)
  const table = tableOf(graph, lookup.inputs[0]!, producers)!
  const idDims = graph.inputs.find(({ name }) => name === ids)!.dims
  const input = {
    name: tokenEmbeddings,
    type: graph.constants.has(lookup.inputs[0]!) ? table.type : ('float32' as const),
    dims: [...idDims, table.dims[1]!],
  }
  const entry = { ...lookup, operator: 'Identity', inputs: [tokenEmbeddings], attributes: {} }
  const nodes = graph.nodes.map((node) => (node === lookup ? entry : node))
  return { graph: prune({ ...graph, nodes, inputs: [...graph.inputs, input] }), table }
}

/** The constant behind a name. Half floats that are cast to single ones on the way are the same numbers. */
function tableOf(graph: Graph, name: string, producers: ReadonlyMap<string, Node>): Constant | undefined {
  const producer = producers.get(name)
  return graph.constants.get(producer?.operator === 'Cast' ? producer.inputs[0]! : name)
}

/** Whether a value is `origin` itself, passed through operators that only change its form. */
function comesFrom(name: string, origin: string, producers: ReadonlyMap<string, Node>): boolean {
  if (name === origin) return true
  const producer = producers.get(name)
  return (
    producer !== undefined && changesForm.has(producer.operator) && comesFrom(producer.inputs[0]!, origin, producers)
  )
}

const changesForm = new Set(['Reshape', 'Cast', 'Identity', 'Unsqueeze', 'Squeeze', 'Flatten', 'Expand'])
