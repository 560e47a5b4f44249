import { UserError } from '../errors.ts'
import { type Graph, isOnDisk, prune, type Value, type ValueInfo } from './graph.ts'
import { lowerGroupNormalization } from './lower.ts'
import { decodeGraph, encodeGraph } from './proto.ts'

/**
 * What the simplification needs from an inference runtime: `tidy` folds a model, `outputsOf` returns what it computes.
 */
export interface Runtime {
  tidy(model: Uint8Array): Promise<Uint8Array>
  outputsOf(model: Uint8Array): Promise<ValueInfo[]>
}

/**
 * The same computation for inputs of fixed size, with shape arithmetic folded and sizes known. Weights on disk are not
 * read: the runtime sees them as inputs, and they are put back afterwards.
 *
 * `inputDims` gives the dims of every input.
 * @throws UserError if the model can't take inputs of these dims
 */
export async function simplify(
  original: Graph,
  inputDims: Readonly<Record<string, readonly number[]>>,
  runtime: Runtime,
): Promise<Graph> {
  const graph = lowerGroupNormalization(prune(original))
  const weights = [...graph.constants].filter(([, { data }]) => isOnDisk(data))
  const names = new Set(weights.map(([name]) => name))
  const inputs = graph.inputs.map((input) => withDims(input, inputDims[input.name]))
  const shown = {
    ...graph,
    inputs: [...inputs, ...weights.map(([name, { type, dims }]) => ({ name, type, dims }))],
    constants: new Map([...graph.constants].filter(([name]) => !names.has(name))),
    values: new Map(),
  }
  const tidied = decodeGraph(
    await tidyModel(shown, inputs.map(({ name, dims }) => `${name} [${dims}]`).join(', '), runtime),
  )
  const values = await valuesOf(tidied, runtime)
  return prune({ ...tidied, inputs, values, constants: new Map([...tidied.constants, ...weights]) })
}

function withDims(input: ValueInfo, dims: readonly number[] | undefined): Value {
  const fits = dims?.length === input.dims.length
  if (!dims || !fits) throw new RangeError(`Expected dims for ${input.name} like [${input.dims}], got [${dims}]`)
  return { ...input, dims }
}

async function tidyModel(graph: Graph, sizes: string, runtime: Runtime): Promise<Uint8Array> {
  try {
    return await runtime.tidy(encodeGraph(graph))
  } catch (cause) {
    throw new UserError(`ONNX Runtime does not accept this model for ${sizes}.`, {}, { cause })
  }
}

/** Declares every value an output, by name only, and asks for the sizes. */
async function valuesOf(graph: Graph, runtime: Runtime): Promise<Map<string, ValueInfo>> {
  const outputs = graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== ''))
  const infos = await runtime.outputsOf(encodeGraph({ ...graph, outputs, values: new Map() }))
  return new Map(infos.map((info) => [info.name, info]))
}
