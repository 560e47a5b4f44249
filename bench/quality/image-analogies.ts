import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

/** What is done with the patch of A that looks most like one of B. */
export type Reading = 'copy' | 'difference'

/**
 * Image Analogies (Hertzmann et al. 2001), in its plainest form: for every 5 × 5 patch of B the nearest patch of A, by colours and
 * by where it is a little; B′ gets that place's A′, or B with the change from A to A′ there. Overlapping patches are averaged.
 */
export function imageAnalogy(a: Tensor, a2: Tensor, b: Tensor, reading: Reading): Tensor {
  const side = b.dims[1]!
  const stride = Math.max(2, Math.round(side / 32))
  const even = Array.from({ length: Math.floor((side - PATCH) / stride) + 1 }, (_, index) => index * stride)
  const places = [...new Set([...even, side - PATCH])]
  const patches = places.flatMap((y) => places.map((x) => ({ x, y, values: patchAt(a, x, y, side) })))
  const sums = new Float32Array(b.data.length)
  const counts = new Float32Array(b.data.length)
  for (const y of places) {
    for (const x of places) {
      const wanted = patchAt(b, x, y, side)
      let [best, least] = [patches[0]!, Number.POSITIVE_INFINITY]
      for (const each of patches) {
        const away = ((each.x - x) ** 2 + (each.y - y) ** 2) / side ** 2
        const cost = distance(each.values, wanted, least) + PLACE * away
        if (cost < least) [best, least] = [each, cost]
      }
      paste(best, x, y)
    }
  }
  return tensor(
    b.dims,
    sums.map((sum, at) => (counts[at]! > 0 ? Math.min(1, Math.max(-1, sum / counts[at]!)) : b.data[at]!)),
  )

  function paste(found: { x: number; y: number }, x: number, y: number) {
    for (let channel = 0; channel < 3; channel++) {
      for (let v = 0; v < PATCH; v++) {
        for (let u = 0; u < PATCH; u++) {
          const to = (channel * side + y + v) * side + x + u
          const from = (channel * side + found.y + v) * side + found.x + u
          sums[to]! += reading === 'copy' ? a2.data[from]! : b.data[to]! + a2.data[from]! - a.data[from]!
          counts[to]!++
        }
      }
    }
  }
}

const PATCH = 5
/** Of a distance across the whole picture, beside squared differences of 75 values. */
const PLACE = 4

function patchAt({ data }: Tensor, x: number, y: number, side: number): Float32Array {
  const values = new Float32Array(3 * PATCH * PATCH)
  let at = 0
  for (let channel = 0; channel < 3; channel++)
    for (let v = 0; v < PATCH; v++)
      for (let u = 0; u < PATCH; u++) values[at++] = data[(channel * side + y + v) * side + x + u]!
  return values
}

function distance(one: Float32Array, other: Float32Array, enough: number): number {
  let sum = 0
  for (let at = 0; at < one.length && sum < enough; at++) sum += (one[at]! - other[at]!) ** 2
  return sum
}

/** The affine rule of colours that takes A to A′ best, on B: least squares of each channel by red, green, blue and 1. */
export function colourAnalogy(a: Tensor, a2: Tensor, b: Tensor): Tensor {
  const plane = a.dims[1]! * a.dims[2]!
  const inputs = (picture: Tensor, at: number) => [
    picture.data[at]!,
    picture.data[plane + at]!,
    picture.data[2 * plane + at]!,
    1,
  ]
  const made = tensor(b.dims)
  for (let channel = 0; channel < 3; channel++) {
    const rows = Array.from({ length: 4 }, (_, row) =>
      Array.from({ length: 5 }, (_, column) => (row === column ? 1e-3 * plane : 0)),
    )
    for (let at = 0; at < plane; at++) {
      const x = [...inputs(a, at), a2.data[channel * plane + at]!]
      for (let row = 0; row < 4; row++)
        for (let column = 0; column < 5; column++) rows[row]![column]! += x[row]! * x[column]!
    }
    const weights = solved(rows)
    for (let at = 0; at < plane; at++) {
      const value = inputs(b, at).reduce((sum, each, index) => sum + each * weights[index]!, 0)
      made.data[channel * plane + at] = Math.min(1, Math.max(-1, value))
    }
  }
  return made
}

/** Gauss and Jordan: rows [matrix | right side]. */
function solved(rows: number[][]): number[] {
  for (const [pivot, row] of rows.entries()) {
    const lead = row[pivot]!
    for (let column = 0; column < row.length; column++) row[column]! /= lead
    for (const [other, each] of rows.entries()) {
      if (other === pivot) continue
      const factor = each[pivot]!
      for (let column = 0; column < each.length; column++) each[column]! -= factor * row[column]!
    }
  }
  return rows.map((row) => row.at(-1)!)
}
