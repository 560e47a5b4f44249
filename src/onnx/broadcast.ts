/** The dims of two operands together, by NumPy's rule. */
export function broadcast(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, axis) => {
    const [left = 1, right = 1] = [a[axis - rank + a.length], b[axis - rank + b.length]]
    return left === 1 ? right : left
  })
}

export const sameDims = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dim, axis) => dim === b[axis])
