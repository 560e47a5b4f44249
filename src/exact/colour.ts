import { leastSquares } from './least-squares.ts'
import { type Raster, type Rgb, recoloured } from './raster.ts'

/** What happens to a colour, in 0…1. */
export type ColourRule =
  /** Rows for red, green and blue: times red, green, blue, and plus. */
  | { readonly kind: 'matrix'; readonly name: string; readonly values: readonly number[] }
  /** For red, green and blue the value at 0, 1/n … 1, straight between. */
  | { readonly kind: 'curves'; readonly values: readonly (readonly number[])[] }
  /** [red, green, blue] at every node of a grid of `size`³, blue fastest; linear between. */
  | { readonly kind: 'table'; readonly size: number; readonly values: readonly number[] }

export const sameColours: ColourRule = { kind: 'matrix', name: 'same', values: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0] }

export const isSame = (rule: ColourRule): boolean => rule.kind === 'matrix' && rule.name === 'same'

/** @param strength 0 leaves colours as they are, 0.5 goes half-way. */
export function withColours(picture: Raster, rule: ColourRule, strength = 1): Raster {
  if (isSame(rule) || strength === 0) return picture
  const change = changeOf(strength === 1 ? rule : (undone(rule, strength) ?? rule))
  const share = strength === 1 || undone(rule, strength) ? 1 : strength
  const before = new Float64Array(3)
  return recoloured(picture, (colour) => {
    before.set(colour)
    change(colour)
    if (share !== 1) for (let at = 0; at < 3; at++) colour[at] = before[at]! + share * (colour[at]! - before[at]!)
  })
}

export function colourUnder(colour: Rgb, rule: ColourRule): Rgb {
  const changed = Float64Array.from(colour)
  changeOf(rule)(changed)
  const [red, green, blue] = changed.map((value) => Math.min(1, Math.max(0, value)))
  return [red!, green!, blue!]
}

/** The inverse rule, if it is asked for and exists: for a matrix that is not nearly singular. */
function undone(rule: ColourRule, strength: number): ColourRule | undefined {
  if (strength !== -1 || rule.kind !== 'matrix') return undefined
  const equations = leastSquares(3, 3)
  const rows = [0, 1, 2].map((row) => rule.values.slice(4 * row, 4 * row + 4))
  for (const [row, values] of rows.entries()) {
    equations.add(
      [0, 1, 2],
      values,
      rows.map((_, side) => Number(side === row)),
    )
  }
  const columns = equations.solve(1e-9)
  if (columns.some((column) => column.some((value) => Math.abs(value) > LARGEST))) return undefined
  const values = [0, 1, 2].flatMap((row) => {
    const inverse = columns.map((column) => column[row]!)
    return [...inverse, -inverse.reduce((sum, value, side) => sum + value * rows[side]![3]!, 0)]
  })
  return { kind: 'matrix', name: 'undone', values }
}

/** An inverse with larger numbers would show noise alone. */
const LARGEST = 20

/** Writes the new colour over the old one; it may lie beyond 0…1. */
export function changeOf(rule: ColourRule): (colour: Float64Array) => void {
  switch (rule.kind) {
    case 'matrix': {
      const m = Float64Array.from(rule.values)
      return (colour) => {
        const red = colour[0]!
        const green = colour[1]!
        const blue = colour[2]!
        colour[0] = m[0]! * red + m[1]! * green + m[2]! * blue + m[3]!
        colour[1] = m[4]! * red + m[5]! * green + m[6]! * blue + m[7]!
        colour[2] = m[8]! * red + m[9]! * green + m[10]! * blue + m[11]!
      }
    }
    case 'curves':
      return (colour) => {
        for (let channel = 0; channel < 3; channel++) {
          const curve = rule.values[channel]!
          const { low, part } = between(colour[channel]!, curve.length)
          colour[channel] = curve[low]! + part * (curve[low + 1]! - curve[low]!)
        }
      }
    case 'table':
      return (colour) => {
        const sum = [0, 0, 0]
        for (const [node, weight] of corners(colour, rule.size)) {
          for (let channel = 0; channel < 3; channel++) sum[channel]! += weight * rule.values[3 * node + channel]!
        }
        colour.set(sum)
      }
  }
}

/** The position of a value among `nodes` even nodes. */
export function between(value: number, nodes: number): { readonly low: number; readonly part: number } {
  const place = Math.min(1, Math.max(0, value)) * (nodes - 1)
  const low = Math.min(nodes - 2, Math.floor(place))
  return { low, part: place - low }
}

/** The eight nodes around a colour and their weights, which add up to 1. */
export function corners(colour: ArrayLike<number>, size: number): [node: number, weight: number][] {
  const indices = [0, 1, 2].map((channel) => between(colour[channel]!, size))
  return Array.from({ length: 8 }, (_, corner) => {
    let [node, weight] = [0, 1]
    for (const [channel, { low, part }] of indices.entries()) {
      const isHigh = (corner >> channel) & 1
      node = node * size + low + isHigh
      weight *= isHigh ? part : 1 - part
    }
    return [node, weight]
  })
}
