import type { Raster } from './raster.ts'
import { identity, resized, type Warp } from './warp.ts'

/** The rotations that are tried, in degrees. */
const TURNS = Array.from({ length: 24 }, (_, n) => n * 15)

/**
 * Warps that put one thing where the other is: their areas and centres agree. Both are transparent around the thing.
 */
export function likelyMoves(thing: Raster, other: Raster): Warp[] {
  const [from, to] = [momentsOf(thing), momentsOf(other)]
  if (from.area < 10 || to.area < 10) return []
  const ratio = Math.sqrt(to.area / from.area)
  const unit = other.width / thing.width
  const scales = Math.abs(ratio / unit - 1) < 0.02 ? [unit] : [unit, ratio]
  return [false, true].flatMap((mirrored) =>
    TURNS.flatMap((turn) =>
      scales.map((scale) => {
        const [cosine, sine] = [Math.cos((turn * Math.PI) / 180) * scale, Math.sin((turn * Math.PI) / 180) * scale]
        const x = mirrored ? -from.x : from.x
        const right = to.x - (cosine * x - sine * from.y)
        const down = to.y - (sine * x + cosine * from.y)
        return { ...identity, mirrored, scale, turn, shift: [right / other.width, down / other.height] as const }
      }),
    ),
  )
}

/** The area of what is not transparent, and its middle from the picture's. In pixels. */
function momentsOf({ width, height, data }: Raster) {
  let [area, x, y] = [0, 0, 0]
  for (let place = 0; place < width * height; place++) {
    const alpha = data[4 * place + 3]!
    area += alpha
    x += alpha * ((place % width) + 0.5 - width / 2)
    y += alpha * (Math.floor(place / width) + 0.5 - height / 2)
  }
  return { area, x: x / Math.max(1e-6, area), y: y / Math.max(1e-6, area) }
}

/** Crops are searched for in pictures with this longest side. */
const SIDE = 32
const SCALES = Array.from({ length: 15 }, (_, n) => 2 ** ((n - 6) / 5))
const MOST_CROPS = 3

/** Warps by which the second picture is a part of the first, or the first a part of the second; the likeliest first. */
export function likelyCrops(before: Raster, after: Raster): Warp[] {
  const unit = SIDE / Math.max(after.width, after.height)
  const target = greyOf(resized(after, Math.round(after.width * unit), Math.round(after.height * unit)))
  const found: { readonly warp: Warp; readonly likeness: number }[] = []
  for (const scale of SCALES) {
    const [width, height] = [Math.round(before.width * unit * scale), Math.round(before.height * unit * scale)]
    if (Math.min(width, height) < 8) continue
    const small = greyOf(resized(before, width, height))
    let best = { likeness: 0, left: 0, top: 0 }
    for (const left of offsetsOf(width, target.width)) {
      for (const top of offsetsOf(height, target.height)) {
        const likeness = Math.abs(correlation(small, target, left, top))
        if (likeness > best.likeness) best = { likeness, left, top }
      }
    }
    const shift = [
      (best.left + width / 2 - target.width / 2) / target.width,
      (best.top + height / 2 - target.height / 2) / target.height,
    ] as const
    found.push({ warp: { ...identity, scale, shift }, likeness: best.likeness })
  }
  return found
    .sort((one, other) => other.likeness - one.likeness)
    .slice(0, MOST_CROPS)
    .map(({ warp }) => warp)
}

/** Where a length may begin in another, or the other in it. */
function offsetsOf(length: number, other: number): number[] {
  const spare = other - length
  return Array.from({ length: Math.abs(spare) + 1 }, (_, n) => n + Math.min(0, spare))
}

interface Grey {
  readonly width: number
  readonly height: number
  readonly data: Float64Array
}

function greyOf({ width, height, data }: Raster): Grey {
  const grey = Float64Array.from({ length: width * height }, (_, place) => {
    return (data[4 * place]! + data[4 * place + 1]! + data[4 * place + 2]!) / 3
  })
  return { width, height, data: grey }
}

/** Pearson's, where both are: the first lies `left` and `top` in the second. */
function correlation(one: Grey, other: Grey, left: number, top: number): number {
  let [count, sumOne, sumOther, squareOne, squareOther, product] = [0, 0, 0, 0, 0, 0]
  for (let y = Math.max(0, top); y < Math.min(other.height, top + one.height); y++) {
    for (let x = Math.max(0, left); x < Math.min(other.width, left + one.width); x++) {
      const value = one.data[(y - top) * one.width + x - left]!
      const its = other.data[y * other.width + x]!
      count++
      sumOne += value
      sumOther += its
      squareOne += value * value
      squareOther += its * its
      product += value * its
    }
  }
  const spread = (squareOne - sumOne ** 2 / count) * (squareOther - sumOther ** 2 / count)
  return spread > 1e-9 ? (product - (sumOne * sumOther) / count) / Math.sqrt(spread) : 0
}
