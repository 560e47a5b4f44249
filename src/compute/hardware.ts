import { gatherLargeAttention } from '../autodiff/attention.ts'
import type { Graph, ValueInfo } from '../onnx/graph.ts'
import { lowerAttention } from '../onnx/lower-attention.ts'
import { type Device, outputsOf, tidy } from '../onnx/session.ts'
import { simplify } from '../onnx/simplify.ts'

/** The device that networks are computed on. */
export interface Hardware {
  readonly device: Device
  /** Whether models in half precision are computed in it, which takes half the memory, or in float32. */
  readonly half: boolean
  /** The largest tensor that the device is known to compute correctly, in bytes. */
  readonly largestTensor: number
  /** Told in a sentence what can't be computed on it. */
  readonly tell: (line: string) => void
}

export const cpu: Hardware = { device: 'cpu', half: false, largestTensor: Number.POSITIVE_INFINITY, tell: () => {} }

/**
 * The largest tensor, in bytes, that the graph computes or holds for inputs of these dims. The gradient has none
 * larger.
 * @param gathered Large attention maps are computed in slices, as in the gradient.
 */
export async function largestTensor(
  graph: Graph,
  inputDims: Readonly<Record<string, readonly number[]>>,
  gathered: boolean,
): Promise<number> {
  const simple = await simplify(graph, inputDims, { tidy, outputsOf })
  const { nodes, values, constants } = gathered ? gatherLargeAttention(lowerAttention(simple)) : simple
  const made = nodes.flatMap(({ outputs }) => outputs.map((name) => values.get(name)))
  return Math.max(...[...made, ...constants.values()].map((info) => (info ? bytesOf(info) : 0)))
}

const bytesOf = ({ dims }: Pick<ValueInfo, 'dims'>) => dims.reduce<number>((bytes, dim) => bytes * Number(dim), 4)

/** The message of an ONNX Runtime error without file, line and signature. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [line = ''] = text.split('\n')
  return line.split(' was false. ').at(-1)!.trim().slice(0, 200)
}
