import { UserError } from '../errors.ts'
import type { ByteRange, ElementType } from '../onnx/graph.ts'

/** A tensor of a checkpoint, row-major, at its position on disk. */
export interface StoredTensor {
  readonly type: ElementType
  readonly dims: readonly number[]
  readonly data: ByteRange
  /** A matrix [in, out] instead of the usual [out, in]. @default false */
  readonly isTurned?: boolean
  /** Its two halves of rows stand the other way round: what is made of them has to be put right. @default false */
  readonly isSwapped?: boolean
  /** What a LoRA adds to it. */
  readonly additions?: readonly LowRank[]
}

/** scale · up · down; for a convolution perhaps with a third one of its size in between. */
export interface LowRank {
  /** [rank, in, …] */
  readonly down: StoredTensor
  /** [out, rank, …] */
  readonly up: StoredTensor
  /** [rank, rank, height, width] */
  readonly middle?: StoredTensor
  readonly scale: number
}

/** By their names in diffusers and transformers. */
export type Tensors = ReadonlyMap<string, StoredTensor>

/** Rows `from` to `to` of a tensor, without copying: [to − from, …]. @throws RangeError for a transposed matrix */
export function rowsOf(tensor: StoredTensor, from: number, to: number): StoredTensor {
  const { dims, data, isTurned, additions } = tensor
  const rows = dims[0] ?? 0
  if (isTurned || from < 0 || to > rows || from >= to)
    throw new RangeError(`Expected rows of [${dims}], got ${from}–${to}`)
  const bytes = data.length / rows
  return {
    ...tensor,
    dims: dims.with(0, to - from),
    data: { ...data, offset: data.offset + from * bytes, length: (to - from) * bytes },
    ...(additions && { additions: additions.map((each) => ({ ...each, up: rowsOf(each.up, from, to) })) }),
  }
}

/** The same numbers in other dims. @throws UserError if their count differs */
export function viewed(tensor: StoredTensor, dims: readonly number[], name: string): StoredTensor {
  if (countOf(dims) !== countOf(tensor.dims)) {
    throw new UserError(
      `The weight ${name} is [${tensor.dims}] where [${dims}] is expected: the model is of another kind, or damaged.`,
    )
  }
  return { ...tensor, dims }
}

const countOf = (dims: readonly number[]) => dims.reduce((product, dim) => product * dim, 1)
