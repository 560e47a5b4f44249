import { type ColourRule, sameColours } from './colour.ts'
import { type Colours, errorOf, type Family, fitCurves, fitFamily, fitTable } from './colour-rules.ts'

export interface FittedColours {
  readonly rule: ColourRule
  /** The RMS of what it doesn't explain. */
  readonly error: number
  /** The rule's cost in complexity: nothing if colours stay the same. */
  readonly penalty: number
}

const luma = [0.299, 0.587, 0.114] as const
const nothing = new Array<number>(12).fill(0)
const at = (...indices: number[]) => nothing.map((_, place) => (indices.includes(place) ? 1 : 0))
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
  { name: 'overlay', from: nothing, bases: [diagonal, at(3), at(7), at(11)] },
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
 * for all channels, a colour laid over everything, or one tint. `any`: every rule; only for photographs, whose colours are many. For a thing of few colours, a rule
 * with free parameters would explain any new colour, and be wrong about other things.
 */
export type Freedom = 'fixed' | 'even' | 'any'

const isEven = ({ name }: Family) => ['contrast', 'overlay', 'tint'].includes(name)

/** A rule for a thing of few colours must be this near (RMS): orange is blue's negative, and skin is yellow in sepia, but not quite. */
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
    if (!isFixed && freedom !== 'any' && !(freedom === 'even' && isEven(family))) continue
    const isSame = family.name === 'same'
    const isDoubtful =
      !isSame &&
      (freedom === 'fixed' || (freedom === 'even' && ['negative', 'sepia', 'overlay', 'tint'].includes(family.name)))
    consider((left) => fitFamily(colours, family, left), isSame ? -1 : family.bases.length, isDoubtful)
  }
  if (freedom === 'any' && best.error > 0.01) {
    consider((left) => fitCurves(colours, left), 14)
    const matrix = fitFamily(colours, families.at(-1)!)
    consider((left) => fitTable(colours, left ? fitFamily(colours, families.at(-1)!, left) : matrix, left), 20)
  }
  return best
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
