import { sizeOf, type Tensor, tensor } from './tensor.ts'

export type Term = readonly [factor: number, value: Tensor]

/** Σ factor · value, over tensors of one size. @throws RangeError if the sizes differ */
export function combine(...terms: readonly Term[]): Tensor {
  const { dims } = terms[0]![1]
  const sum = new Float32Array(sizeOf(dims))
  for (const [factor, { dims: other, data }] of terms) {
    if (data.length !== sum.length) throw new RangeError(`Expected tensors of one size, got [${dims}] and [${other}]`)
    for (let index = 0; index < sum.length; index++) sum[index]! += factor * data[index]!
  }
  return tensor(dims, sum)
}

export const scale = (value: Tensor, factor: number): Tensor => combine([factor, value])

/** Joins along the first axis. */
export function concatenate(parts: readonly Tensor[]): Tensor {
  const joined = new Float32Array(parts.reduce((total, { data }) => total + data.length, 0))
  let offset = 0
  for (const { data } of parts) {
    joined.set(data, offset)
    offset += data.length
  }
  return tensor([parts.reduce((total, { dims }) => total + dims[0]!, 0), ...parts[0]!.dims.slice(1)], joined)
}

/** Rows `from` (inclusive) to `to` (exclusive) of the first axis. */
export function rows({ dims, data }: Tensor, from: number, to: number): Tensor {
  const row = sizeOf(dims.slice(1))
  return tensor([to - from, ...dims.slice(1)], data.slice(from * row, to * row))
}

/** [1, …] → [count, …] */
export const repeat = (value: Tensor, count: number): Tensor => concatenate(Array<Tensor>(count).fill(value))

/** [n, …] → [1, …] */
export function sumRows(value: Tensor): Tensor {
  return combine(...Array.from({ length: value.dims[0]! }, (_, row): Term => [1, rows(value, row, row + 1)]))
}

export function meanSquare(a: Tensor, b: Tensor): number {
  return a.data.reduce((sum, value, index) => sum + (value - b.data[index]!) ** 2, 0) / a.data.length
}

/** The vector at length 1; a zero vector stays zero. */
export function unit(value: Tensor): Tensor {
  return scale(value, 1 / (Math.hypot(...value.data) || 1))
}

/** Cosine of the angle between two vectors. */
export function cosine(a: Tensor, b: Tensor): number {
  const [first, second] = [unit(a), unit(b)]
  return first.data.reduce((sum, value, index) => sum + value * second.data[index]!, 0)
}

/** The middle number in sorted order, or the mean of the two in the middle. NaN if there are none. */
export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}
