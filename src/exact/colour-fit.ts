import { between, type ColourRule, changeOf, corners, sameColours } from './colour.ts'
import { solve } from './least-squares.ts'
import type { Raster } from './raster.ts'

/** Colours before and after, interleaved red, green, blue in 0…1, of the same pixels. */
export interface Colours {
  readonly before: Float64Array
  readonly after: Float64Array
}

export interface FittedColours {
  readonly rule: ColourRule
  /** The RMS of what it doesn't explain. */
  readonly error: number
  /** The rule's cost in complexity: nothing if colours stay the same. */
  readonly penalty: number
}

/** @param places The pixels that count. */
export function coloursOf(before: Raster, after: Raster, places: Int32Array): Colours {
  return { before: readAt(before, places), after: readAt(after, places) }
}

function readAt({ data }: Raster, places: Int32Array): Float64Array {
  const colours = new Float64Array(3 * places.length)
  for (let n = 0; n < places.length; n++) {
    const place = 4 * places[n]!
    const alpha = Math.max(data[place + 3]!, 1e-3)
    for (let channel = 0; channel < 3; channel++) colours[3 * n + channel] = data[place + channel]! / alpha
  }
  return colours
}

/** At most `most` of the pixels that count, evenly spaced. */
export function placesOf({ width, height }: Raster, most: number, counts: (place: number) => boolean): Int32Array {
  const all = new Int32Array(width * height)
  let count = 0
  for (let place = 0; place < all.length; place++) if (counts(place)) all[count++] = place
  const step = Math.max(1, count / most)
  return Int32Array.from({ length: Math.floor(count / step) }, (_, n) => all[Math.floor(n * step)]!)
}

/** A rule with free parameters: `from` plus a sum of `bases`, all 3 × 4 matrices. */
interface Family {
  readonly name: string
  readonly from: readonly number[]
  readonly bases: readonly (readonly number[])[]
}

const luma = [0.299, 0.587, 0.114] as const
const nothing = new Array<number>(12).fill(0)
const at = (...places: number[]) => nothing.map((_, place) => (places.includes(place) ? 1 : 0))
const rows = (weights: readonly number[]) => [0, 1, 2].flatMap(() => [...weights, 0])
const diagonal = at(0, 5, 10)
// As in CSS: the part of a colour that a hue rotation keeps, and what a quarter rotation adds.
const cssLuma = [0.213, 0.715, 0.072] as const
const cssTurn = [-0.213, -0.715, 0.928, 0, 0.143, 0.14, -0.283, 0, -0.787, 0.715, 0.072, 0]
const greyRows = rows(cssLuma)

/** From the fewest free parameters to the most. */
const families: readonly Family[] = [
  { name: 'same', from: diagonal, bases: [] },
  { name: 'grey', from: rows(luma), bases: [] },
  { name: 'grey', from: greyRows, bases: [] },
  { name: 'negative', from: [-1, 0, 0, 1, 0, -1, 0, 1, 0, 0, -1, 1], bases: [] },
  { name: 'sepia', from: [0.393, 0.769, 0.189, 0, 0.349, 0.686, 0.168, 0, 0.272, 0.534, 0.131, 0], bases: [] },
  { name: 'contrast', from: nothing, bases: [diagonal, at(3, 7, 11)] },
  { name: 'hue', from: greyRows, bases: [diagonal.map((value, place) => value - greyRows[place]!), cssTurn] },
  { name: 'gains', from: nothing, bases: [at(0), at(3), at(5), at(7), at(10), at(11)] },
  {
    name: 'tint',
    from: nothing,
    bases: [0, 1, 2].flatMap((row) => [
      nothing.map((_, place) => (Math.floor(place / 4) === row && place % 4 < 3 ? luma[place % 4]! : 0)),
      at(4 * row + 3),
    ]),
  },
  { name: 'matrix', from: nothing, bases: Array.from({ length: 12 }, (_, place) => at(place)) },
]

/**
 * Which rules may explain the colours. `fixed`: those without free parameters. `even`: also another contrast, the same
 * for all channels. `any`: every rule; only for photographs, whose colours are many. For a thing of few colours, a rule
 * with free parameters would explain any new colour, and be wrong about other things.
 */
export type Freedom = 'fixed' | 'even' | 'any'

/** A rule for a thing of few colours must be this near (RMS): orange is blue's negative, but not quite. */
const CERTAIN = 0.02

/**
 * The rule with the fewest parameters that explains the colours. A rule with free parameters must also predict colours
 * that it was not fitted to.
 */
export function fitColours(colours: Colours, freedom: Freedom): FittedColours {
  const groups = groupsOf(colours.before)
  let best: FittedColours = { rule: sameColours, error: Number.POSITIVE_INFINITY, penalty: 0 }
  const consider = (fit: (left?: Uint8Array) => ColourRule, numbers: number, isDoubtful = false) => {
    const rule = fit()
    const penalty = numbers < 0 ? 0 : 0.002 + 0.0004 * numbers
    const error = errorOf(colours, rule)
    if (error + penalty >= best.error + best.penalty) return
    if (isDoubtful && error > CERTAIN) return
    if (numbers > 0 && !foretells(colours, groups, fit, error)) return
    best = { rule, error, penalty }
  }
  for (const family of families) {
    const isFixed = family.bases.length === 0
    if (!isFixed && freedom !== 'any' && !(freedom === 'even' && family.name === 'contrast')) continue
    const isSame = family.name === 'same'
    const isDoubtful = !isSame && (freedom === 'fixed' || (freedom === 'even' && family.name === 'negative'))
    consider((left) => fitFamily(colours, family, left), isSame ? -1 : family.bases.length, isDoubtful)
  }
  if (freedom === 'any' && best.error > 0.01) {
    consider((left) => fitCurves(colours, left), 14)
    const matrix = fitFamily(colours, families.at(-1)!)
    consider((left) => fitTable(colours, left ? fitFamily(colours, families.at(-1)!, left) : matrix, left), 20)
  }
  return best
}

/**
 * The affine rule with the smallest residual. It tells whether pixels are where they should be, whatever happened to
 * their colours. It is the `matrix` family without the care for clipped values, and much faster.
 */
export function affineRule({ before, after }: Colours): ColourRule {
  const sums = new Float64Array(16)
  const rights = [new Float64Array(4), new Float64Array(4), new Float64Array(4)]
  const from = new Float64Array(4).fill(1)
  for (let place = 0; place < before.length; place += 3) {
    for (let at = 0; at < 3; at++) from[at] = before[place + at]!
    for (let row = 0; row < 4; row++) {
      for (let column = 0; column < 4; column++) sums[4 * row + column]! += from[row]! * from[column]!
      for (let channel = 0; channel < 3; channel++) rights[channel]![row]! += from[row]! * after[place + channel]!
    }
  }
  const values = rights.flatMap((right) => [...solve(sums, right, before.length * 1e-6)])
  return { kind: 'matrix', name: 'matrix', values }
}

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

/** Values clipped at black or white say nothing about a rule that goes beyond. */
const isCutOff = (after: number, said: number) => (after < 0.004 && said < 0) || (after > 0.996 && said > 1)

/** @param left Pixels marked in it are left out. */
function fitFamily({ before, after }: Colours, { name, from, bases }: Family, left?: Uint8Array): ColourRule {
  let values = from.slice()
  const n = bases.length
  // Only the bases that affect a channel.
  const touching = [0, 4, 8].map((row) =>
    [...bases.keys()].filter((k) => bases[k]!.slice(row, row + 4).some((value) => value !== 0)),
  )
  for (let round = 0; round < (n > 0 ? 2 : 0); round++) {
    const sums = new Float64Array(n * n)
    const right = new Float64Array(n)
    const slopes = new Float64Array(n)
    for (let place = 0; place < before.length; place++) {
      const channel = place % 3
      const pixel = place - channel
      if (left?.[pixel / 3]) continue
      const said = rowUnder(values, 4 * channel, before, pixel)
      if (round > 0 && isCutOff(after[place]!, said)) continue
      const missing = after[place]! - rowUnder(from, 4 * channel, before, pixel)
      const touched = touching[channel]!
      for (const k of touched) slopes[k] = rowUnder(bases[k]!, 4 * channel, before, pixel)
      for (const k of touched) {
        right[k]! += slopes[k]! * missing
        for (const other of touched) sums[k * n + other]! += slopes[k]! * slopes[other]!
      }
    }
    const weights = solve(sums, right, before.length * 1e-6)
    values = from.map((value, place) => bases.reduce((sum, basis, k) => sum + weights[k]! * basis[place]!, value))
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
function fitCurves({ before, after }: Colours, left?: Uint8Array): ColourRule {
  const n = CURVE_NODES
  const stiffness = before.length * 1e-4
  const values = [0, 1, 2].map((channel) => {
    const sums = new Float64Array(n * n)
    const right = new Float64Array(n)
    const add = (nodes: readonly (readonly [number, number])[], value: number, weight: number) => {
      for (const [one, share] of nodes) {
        right[one]! += weight * share * value
        for (const [other, otherShare] of nodes) sums[one * n + other]! += weight * share * otherShare
      }
    }
    for (let place = channel; place < before.length; place += 3) {
      if (left?.[Math.floor(place / 3)]) continue
      const { low, part } = between(before[place]!, n)
      add(
        [
          [low, 1 - part],
          [low + 1, part],
        ],
        after[place]!,
        1,
      )
    }
    for (let node = 1; node < n - 1; node++)
      add(
        [
          [node - 1, 1],
          [node, -2],
          [node + 1, 1],
        ],
        0,
        stiffness,
      )
    return [...solve(sums, right, 1e-6)]
  })
  return { kind: 'curves', values }
}

/** The residual of a matrix, as a table; where there are no such colours, the matrix remains. */
function fitTable({ before, after }: Colours, matrix: ColourRule, left?: Uint8Array): ColourRule {
  const n = TABLE_SIZE ** 3
  const change = changeOf(matrix)
  const sums = new Float64Array(n * n)
  const rights = [0, 1, 2].map(() => new Float64Array(n))
  const said = new Float64Array(3)
  for (let pixel = 0; pixel < before.length; pixel += 3) {
    if (left?.[pixel / 3]) continue
    said.set(before.subarray(pixel, pixel + 3))
    change(said)
    const nodes = corners(before.subarray(pixel, pixel + 3), TABLE_SIZE)
    for (const [one, share] of nodes) {
      for (let channel = 0; channel < 3; channel++) {
        rights[channel]![one]! += share * (after[pixel + channel]! - said[channel]!)
      }
      for (const [other, otherShare] of nodes) sums[one * n + other]! += share * otherShare
    }
  }
  const more = rights.map((right) => solve(sums, right, before.length * 3e-4))
  const values = Array.from({ length: n }, (_, node) => {
    const [red, green, blue] = [Math.floor(node / TABLE_SIZE ** 2), Math.floor(node / TABLE_SIZE), node]
    const colour = Float64Array.of(red, green, blue).map((step) => (step % TABLE_SIZE) / (TABLE_SIZE - 1))
    change(colour)
    return [...colour].map((value, channel) => value + more[channel]![node]!)
  })
  return { kind: 'table', size: TABLE_SIZE, values: values.flat() }
}

const GROUPS = 6

/** Groups are at least this far apart (Euclidean). */
const APART = 0.2

/** Pixels grouped by colour: the group of each. */
function groupsOf(before: Float64Array): Uint8Array {
  const pixels = before.length / 3
  const groups = new Uint8Array(pixels)
  const centres = [before.slice(0, 3)]
  while (centres.length < GROUPS) {
    let [farthest, most] = [0, 0]
    for (let pixel = 0; pixel < pixels; pixel++) {
      const { square } = nearestOf(before, pixel, centres)
      if (square > most) [farthest, most] = [pixel, square]
    }
    if (most < APART ** 2) break
    centres.push(before.slice(3 * farthest, 3 * farthest + 3))
  }
  for (let round = 0; round < 4; round++) {
    const sums = centres.map(() => new Float64Array(4))
    for (let pixel = 0; pixel < pixels; pixel++) {
      const { group } = nearestOf(before, pixel, centres)
      groups[pixel] = group
      for (let channel = 0; channel < 3; channel++) sums[group]![channel]! += before[3 * pixel + channel]!
      sums[group]![3]!++
    }
    for (const [group, sum] of sums.entries()) {
      if (sum[3]! > 0) centres[group] = sum.slice(0, 3).map((value) => value / sum[3]!)
    }
  }
  return groups
}

function nearestOf(colours: Float64Array, pixel: number, centres: readonly Float64Array[]) {
  let [group, square] = [0, Number.POSITIVE_INFINITY]
  for (let n = 0; n < centres.length; n++) {
    const centre = centres[n]!
    const its =
      (colours[3 * pixel]! - centre[0]!) ** 2 +
      (colours[3 * pixel + 1]! - centre[1]!) ** 2 +
      (colours[3 * pixel + 2]! - centre[2]!) ** 2
    if (its < square) [group, square] = [n, its]
  }
  return { group, square }
}

/** Groups with fewer pixels than this share don't count. */
const LEAST_GROUP = 0.01
/** With fewer groups nothing can be concluded. */
const LEAST_GROUPS = 4
/** The RMS by which a rule may miss the colours of a group that it was not fitted to, in addition to its residual. */
const FORETOLD = 0.06

/** Whether the rule, fitted without a group's colours, predicts them: for every group. */
function foretells(
  colours: Colours,
  groups: Uint8Array,
  fit: (left: Uint8Array) => ColourRule,
  error: number,
): boolean {
  let counted = 0
  for (let group = 0; group < GROUPS; group++) {
    const left = groups.map((one) => (one === group ? 1 : 0))
    const size = left.reduce((sum, one) => sum + one, 0)
    if (size < LEAST_GROUP * groups.length) continue
    counted++
    if (errorOf(colours, fit(left), left) > FORETOLD + error) return false
  }
  return counted >= LEAST_GROUPS
}
