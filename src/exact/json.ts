import type { ColourRule } from './colour.ts'
import type { ExactDifference } from './difference.ts'
import type { Filter } from './filter.ts'
import type { Frame } from './frame.ts'
import type { Rgb } from './raster.ts'
import type { Warp } from './warp.ts'

const FORMAT = 1

/** One line, numbers with six digits. */
export function exactToJson(difference: ExactDifference): string {
  const short = (_key: string, value: unknown) => (typeof value === 'number' ? Number(value.toPrecision(6)) : value)
  return JSON.stringify({ format: FORMAT, ...difference }, short)
}

/** What `exactToJson` wrote, every number within its limits; nothing for anything else. */
export function exactFromJson(json: string): ExactDifference | undefined {
  try {
    const value = objectOf(JSON.parse(json))
    if (value.format !== FORMAT) return undefined
    return {
      moves: oneOf(value.moves, ['picture', 'thing'] as const),
      warp: warpOf(objectOf(value.warp)),
      colours: coloursOf(objectOf(value.colours)),
      background:
        typeof value.background === 'string'
          ? oneOf(value.background, ['follows', 'stays'] as const)
          : { from: rgb(objectOf(value.background).from), to: rgb(objectOf(value.background).to) },
      ...(value.filter !== undefined && { filter: filterOf(objectOf(value.filter)) }),
      ...(value.vignette !== undefined && { vignette: number(value.vignette, -1, 1) }),
      ...(value.isPart === true && { isPart: true }),
      ...(value.frame !== undefined && { frame: frameOf(objectOf(value.frame)) }),
    }
  } catch {
    return undefined
  }
}

type Values = Readonly<Record<string, unknown>>

function objectOf(value: unknown): Values {
  if (typeof value !== 'object' || value === null) throw new TypeError('Expected an object')
  return value as Values
}

function oneOf<const Choice extends string>(value: unknown, choices: readonly Choice[]): Choice {
  const found = choices.find((choice) => choice === value)
  if (found === undefined) throw new RangeError(`Expected one of ${choices}`)
  return found
}

function number(value: unknown, low: number, high: number): number {
  if (typeof value !== 'number' || !(value >= low && value <= high)) throw new RangeError('Expected a number')
  return value
}

function numbers(value: unknown, count: number, low: number, high: number): number[] {
  if (!Array.isArray(value) || value.length !== count) throw new RangeError(`Expected ${count} numbers`)
  return value.map((one) => number(one, low, high))
}

const pair = (value: unknown, low: number, high: number) => numbers(value, 2, low, high) as [number, number]

const rgb = (value: unknown) => numbers(value, 3, 0, 1) as [number, number, number] satisfies Rgb

const warpOf = ({ mirrored, scale, turn, shift, canvas }: Values): Warp => ({
  mirrored: mirrored === true,
  scale: number(scale, 0.02, 20),
  turn: number(turn, -720, 720),
  shift: pair(shift, -4, 4),
  canvas: pair(canvas, 0.1, 10),
})

function coloursOf({ kind, name, values, size }: Values): ColourRule {
  switch (kind) {
    case 'matrix':
      return { kind, name: String(name).slice(0, 20), values: numbers(values, 12, -100, 100) }
    case 'curves': {
      const curves = [0, 1, 2].map((channel) => numbers((values as unknown[])[channel], 9, -10, 10))
      return { kind, values: curves }
    }
    case 'table':
      return { kind, size: number(size, 4, 4), values: numbers(values, 3 * 4 ** 3, -10, 10) }
    default:
      throw new RangeError('Expected a kind of colour rule')
  }
}

function filterOf({ kind, sigma, amount, across }: Values): Filter {
  switch (kind) {
    case 'blur':
      return { kind, sigma: number(sigma, 0, 1) }
    case 'sharpen':
      return { kind, sigma: number(sigma, 0, 1), amount: number(amount, 0, 100) }
    case 'pixels':
      return { kind, across: number(across, 1, 1000) }
    default:
      throw new RangeError('Expected a kind of filter')
  }
}

const frameOf = ({ left, top, right, bottom, radius, isDisc, colour }: Values): Frame => ({
  left: number(left, 0, 2),
  top: number(top, 0, 2),
  right: number(right, 0, 2),
  bottom: number(bottom, 0, 2),
  radius: number(radius, 0, 0.5),
  colour: rgb(colour),
  ...(isDisc === true && { isDisc }),
})
