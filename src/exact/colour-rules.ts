import { between, type ColourRule, changeOf, corners } from './colour.ts'
import { leastSquares } from './least-squares.ts'
import type { Raster } from './raster.ts'

/** Colours before and after, interleaved red, green, blue in 0…1, of the same pixels. */
export interface Colours {
  readonly before: Float64Array
  readonly after: Float64Array
}

/** @param indices The pixels that count. */
export function coloursOf(before: Raster, after: Raster, indices: Int32Array): Colours {
  return { before: readAt(before, indices), after: readAt(after, indices) }
}

function readAt({ data }: Raster, indices: Int32Array): Float64Array {
  const colours = new Float64Array(3 * indices.length)
  for (let n = 0; n < indices.length; n++) {
    const place = 4 * indices[n]!
    const alpha = Math.max(data[place + 3]!, 1e-3)
    for (let channel = 0; channel < 3; channel++) colours[3 * n + channel] = data[place + channel]! / alpha
  }
  return colours
}

/** At most `most` of the pixels that count, evenly spaced. */
export function sampledPixels({ width, height }: Raster, most: number, counts: (place: number) => boolean): Int32Array {
  const all = new Int32Array(width * height)
  let count = 0
  for (let place = 0; place < all.length; place++) if (counts(place)) all[count++] = place
  const step = Math.max(1, count / most)
  return Int32Array.from({ length: Math.floor(count / step) }, (_, n) => all[Math.floor(n * step)]!)
}

/**
 * The affine rule with the smallest residual. It tells whether pixels are where they should be, whatever happened to
 * their colours. It is the `matrix` family without the care for clipped values, and much faster.
 */
export function affineRule({ before, after }: Colours): ColourRule {
  const equations = leastSquares(4, 3)
  const from = new Float64Array(4).fill(1)
  for (let place = 0; place < before.length; place += 3) {
    from.set(before.subarray(place, place + 3))
    equations.add(EVERY, from, after.subarray(place, place + 3))
  }
  const values = equations.solve(before.length * 1e-6).flatMap((row) => [...row])
  return { kind: 'matrix', name: 'matrix', values }
}

const EVERY = [0, 1, 2, 3]

export function errorOf({ before, after }: Colours, rule: ColourRule, only?: Uint8Array): number {
  const changed = applyTo(before, rule)
  let [sum, count] = [0, 0]
  for (let place = 0; place < changed.length; place++) {
    if (only && !only[Math.floor(place / 3)]) continue
    sum += (changed[place]! - after[place]!) ** 2
    count++
  }
  return Math.sqrt(sum / Math.max(1, count))
}

function applyTo(before: Float64Array, rule: ColourRule): Float64Array {
  const changed = new Float64Array(before.length)
  const change = changeOf(rule)
  const colour = new Float64Array(3)
  for (let place = 0; place < changed.length; place += 3) {
    for (let channel = 0; channel < 3; channel++) colour[channel] = before[place + channel]!
    change(colour)
    for (let channel = 0; channel < 3; channel++) changed[place + channel] = Math.min(1, Math.max(0, colour[channel]!))
  }
  return changed
}

/** A rule with free parameters: `from` plus a sum of `bases`, all 3 × 4 matrices. */
export interface Family {
  readonly name: string
  readonly from: readonly number[]
  readonly bases: readonly (readonly number[])[]
}

/** Values clipped at black or white say nothing about a rule that goes beyond. */
const isCutOff = (after: number, said: number) => (after < 0.004 && said < 0) || (after > 0.996 && said > 1)

/** The member of the family with the smallest residual. @param left Pixels marked in it are left out. */
export function fitFamily({ before, after }: Colours, { name, from, bases }: Family, left?: Uint8Array): ColourRule {
  let values = from.slice()
  // Only the bases that affect a channel.
  const touching = [0, 4, 8].map((row) =>
    [...bases.keys()].filter((k) => bases[k]!.slice(row, row + 4).some((value) => value !== 0)),
  )
  for (let round = 0; round < (bases.length > 0 ? 2 : 0); round++) {
    const equations = leastSquares(bases.length)
    for (let place = 0; place < before.length; place++) {
      const row = 4 * (place % 3)
      const pixel = place - (place % 3)
      if (left?.[pixel / 3]) continue
      const said = rowUnder(values, row, before, pixel)
      if (round > 0 && isCutOff(after[place]!, said)) continue
      const touched = touching[place % 3]!
      const slopes = touched.map((k) => rowUnder(bases[k]!, row, before, pixel))
      equations.add(touched, slopes, [after[place]! - rowUnder(from, row, before, pixel)])
    }
    const [weights] = equations.solve(before.length * 1e-6)
    values = from.map((value, place) => bases.reduce((sum, basis, k) => sum + weights![k]! * basis[place]!, value))
  }
  return { kind: 'matrix', name, values }
}

/** A row of a 3 × 4 matrix times a colour and 1. */
function rowUnder(matrix: readonly number[], row: number, colours: Float64Array, pixel: number): number {
  return (
    matrix[row]! * colours[pixel]! +
    matrix[row + 1]! * colours[pixel + 1]! +
    matrix[row + 2]! * colours[pixel + 2]! +
    matrix[row + 3]!
  )
}

const CURVE_NODES = 9
const TABLE_SIZE = 4

/** Hat functions, regularised by second differences. */
export function fitCurves({ before, after }: Colours, left?: Uint8Array): ColourRule {
  const stiffness = Math.sqrt(before.length * 1e-4)
  const values = [0, 1, 2].map((channel) => {
    const equations = leastSquares(CURVE_NODES)
    for (let place = channel; place < before.length; place += 3) {
      if (left?.[Math.floor(place / 3)]) continue
      const { low, part } = between(before[place]!, CURVE_NODES)
      equations.add([low, low + 1], [1 - part, part], [after[place]!])
    }
    for (let node = 1; node < CURVE_NODES - 1; node++) {
      equations.add([node - 1, node, node + 1], [stiffness, -2 * stiffness, stiffness], [0])
    }
    return [...equations.solve(1e-6)[0]!]
  })
  return { kind: 'curves', values }
}

/** The residual of a matrix, as a table; where there are no such colours, the matrix remains. */
export function fitTable({ before, after }: Colours, matrix: ColourRule, left?: Uint8Array): ColourRule {
  const equations = leastSquares(TABLE_SIZE ** 3, 3)
  const change = changeOf(matrix)
  const said = new Float64Array(3)
  for (let pixel = 0; pixel < before.length; pixel += 3) {
    if (left?.[pixel / 3]) continue
    said.set(before.subarray(pixel, pixel + 3))
    const nodes = corners(said, TABLE_SIZE)
    change(said)
    equations.add(
      nodes.map(([node]) => node),
      nodes.map(([, weight]) => weight),
      said.map((value, channel) => after[pixel + channel]! - value),
    )
  }
  const more = equations.solve(before.length * 3e-4)
  const values = Array.from({ length: TABLE_SIZE ** 3 }, (_, node) => {
    const [red, green, blue] = [Math.floor(node / TABLE_SIZE ** 2), Math.floor(node / TABLE_SIZE), node]
    const colour = Float64Array.of(red, green, blue).map((step) => (step % TABLE_SIZE) / (TABLE_SIZE - 1))
    change(colour)
    return [...colour].map((value, channel) => value + more[channel]![node]!)
  })
  return { kind: 'table', size: TABLE_SIZE, values: values.flat() }
}
