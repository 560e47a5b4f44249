/** A dense float32 array in row-major order; `data.length` is the product of `dims`. */
export interface Tensor {
  readonly dims: readonly number[]
  readonly data: Float32Array
}

export const sizeOf = (dims: readonly number[]): number => dims.reduce((product, dim) => product * dim, 1)

/** @throws RangeError if `data` doesn't fill `dims` exactly */
export function tensor(dims: readonly number[], data: Float32Array = new Float32Array(sizeOf(dims))): Tensor {
  if (data.length !== sizeOf(dims))
    throw new RangeError(`Expected ${sizeOf(dims)} numbers for [${dims}], got ${data.length}`)
  return { dims, data }
}
