/** Solves (sums + ridge) · x = right, the n × n `sums` row by row, symmetric and positive. */
export function solve(sums: Float64Array, right: Float64Array, ridge: number): Float64Array {
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
