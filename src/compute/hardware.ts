import { gatherLargeAttention } from '../autodiff/attention.ts'
import type { Graph, ValueInfo } from '../onnx/graph.ts'
import { lowerAttention } from '../onnx/lower-attention.ts'
import { type Device, outputsOf, tidy } from '../onnx/session.ts'
import { simplify } from '../onnx/simplify.ts'

/** What networks are computed on. */
export interface Hardware {
  readonly device: Device
  /** Models in half precision are computed in it, for they fill half the memory; else in float32. */
  readonly half: boolean
  /** Bytes of the largest tensor that it is known to compute right. */
  readonly largestTensor: number
  /** Told in a sentence what can't be computed there. */
  readonly tell: (line: string) => void
}

export const cpu: Hardware = { device: 'cpu', half: false, largestTensor: Number.POSITIVE_INFINITY, tell: () => {} }

/**
 * Bytes of the largest tensor that the graph computes or holds for inputs of these dims. In the gradient none is larger.
 * @param gathered Large attention maps are worked through head by head, as in the gradient.
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

/** Of an error of ONNX Runtime, what it says after file, line and signature. */
export function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  const [line = ''] = text.split('\n')
  return line.split(' was false. ').at(-1)!.trim().slice(0, 200)
}
