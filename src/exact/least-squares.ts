interface LeastSquares {
  /** A row: the unknowns that it has, their weights, and the value that their sum should have on each right side. */
  readonly add: (unknowns: ArrayLike<number>, weights: ArrayLike<number>, values: ArrayLike<number>) => void
  /** The unknowns for each right side, with `ridge` times their squares added to the squared error. */
  readonly solve: (ridge: number) => Float64Array[]
}

/** Linear least squares by the normal equations. @param sides Right sides that share one matrix. */
export function leastSquares(count: number, sides = 1): LeastSquares {
  const sums = new Float64Array(count * count)
  const rights = Array.from({ length: sides }, () => new Float64Array(count))
  return {
    add: (unknowns, weights, values) => {
      for (let one = 0; one < unknowns.length; one++) {
        const row = unknowns[one]!
        const weight = weights[one]!
        for (let other = 0; other < unknowns.length; other++) {
          sums[row * count + unknowns[other]!]! += weight * weights[other]!
        }
        for (let side = 0; side < sides; side++) rights[side]![row]! += weight * values[side]!
      }
    },
    solve: (ridge) => rights.map((right) => eliminated(sums, right, ridge)),
  }
}

/** Gaussian elimination of (sums + ridge) · x = right, symmetric and positive. */
function eliminated(sums: Float64Array, right: Float64Array, ridge: number): Float64Array {
  const n = right.length
  const rows = Array.from({ length: n }, (_, row) => {
    const values = new Float64Array(n + 1)
    values.set(sums.subarray(row * n, (row + 1) * n))
    values[row]! += ridge
    values[n] = right[row]!
    return values
  })
  for (let column = 0; column < n; column++) {
    const pivot = rows[column]!
    for (let row = column + 1; row < n; row++) {
      const factor = rows[row]![column]! / pivot[column]!
      if (factor !== 0) for (let at = column; at <= n; at++) rows[row]![at]! -= factor * pivot[at]!
    }
  }
  const found = new Float64Array(n)
  for (let row = n - 1; row >= 0; row--) {
    let value = rows[row]![n]!
    for (let at = row + 1; at < n; at++) value -= rows[row]![at]! * found[at]!
    found[row] = value / rows[row]![row]!
  }
  return found
}
