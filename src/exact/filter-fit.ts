import { affineRule, coloursOf, errorOf } from './colour-rules.ts'
import { blurred, type Filter, filtered } from './filter.ts'
import type { Raster } from './raster.ts'

const SIGMAS = Array.from({ length: 9 }, (_, n) => 0.004 * 1.5 ** n)
const SHARPENING_SIGMAS = [0.004, 0.008, 0.016, 0.032]
/** The fewest and the most squares along the longest side. */
const SQUARES = { from: 4, to: 64 }
/** Filters leave what is larger than this (a sigma, likewise) as it is, to within so much (RMS). */
const SOFT = 0.06
const ALIKE = 0.04
/** A filter must reduce the residual at least this much. */
const WORTHWHILE = 0.7

/**
 * Of every kind the filter that turns one picture most nearly into the other, where it helps; colours may differ.
 * @param indices Of pixels that count.
 */
export function fitFilters(before: Raster, after: Raster, indices: Int32Array): Filter[] {
  const longest = Math.max(before.width, before.height)
  const errorUnder = (picture: Raster) => {
    const colours = coloursOf(picture, after, indices)
    return errorOf(colours, affineRule(colours))
  }
  const soft = blurred(before, SOFT * longest)
  const softColours = coloursOf(soft, blurred(after, SOFT * longest), indices)
  if (errorOf(softColours, affineRule(softColours)) > ALIKE) return []
  const enough = errorUnder(before) * WORTHWHILE
  const best = (filters: readonly Filter[]): Filter[] => {
    const errors = filters.map((filter) => errorUnder(filtered(before, filter)))
    const least = Math.min(...errors)
    return least < enough ? [filters[errors.indexOf(least)]!] : []
  }
  return [
    ...best(SIGMAS.map((sigma) => ({ kind: 'blur', sigma }))).flatMap((blur) => best(finerThan(blur))),
    ...best(likelySquares(after).map((across) => ({ kind: 'pixels', across }))),
    ...best(SHARPENING_SIGMAS.flatMap((sigma) => sharpeningOf(before, after, sigma))),
  ]
}

/** The numbers of squares at whose edges the picture changes most, along its longest side. */
function likelySquares({ width, height, data }: Raster): number[] {
  const isWide = width >= height
  const longest = Math.max(width, height)
  const changes = new Float64Array(longest + 1)
  for (let place = 0; place < width * height; place++) {
    const at = isWide ? place % width : Math.floor(place / width)
    const before = place - (isWide ? 1 : width)
    if (at > 0) changes[at]! += Math.abs(data[4 * place + 1]! - data[4 * before + 1]!)
  }
  const counts = Array.from({ length: SQUARES.to - SQUARES.from + 1 }, (_, n) => SQUARES.from + n)
  const atEdges = counts.map((count) => {
    const edges = Array.from({ length: count - 1 }, (_, n) => ((n + 1) * longest) / count)
    return edges.reduce((sum, x) => sum + Math.max(changes[Math.floor(x)]!, changes[Math.ceil(x)]!), 0) / count
  })
  return counts.sort((one, other) => atEdges[other - SQUARES.from]! - atEdges[one - SQUARES.from]!).slice(0, 6)
}

const finerThan = (blur: Filter): Filter[] =>
  blur.kind === 'blur' ? [0.82, 0.9, 1, 1.1, 1.22].map((factor) => ({ ...blur, sigma: blur.sigma * factor })) : []

/** The amount, by least squares. */
function sharpeningOf(before: Raster, after: Raster, sigma: number): Filter[] {
  const soft = blurred(before, sigma * Math.max(before.width, before.height))
  let [along, square] = [0, 1e-9]
  for (let place = 0; place < before.data.length; place++) {
    const detail = before.data[place]! - soft.data[place]!
    along += detail * (after.data[place]! - before.data[place]!)
    square += detail * detail
  }
  const amount = along / square
  return amount > 0.1 ? [{ kind: 'sharpen', sigma, amount }] : []
}
