import { finished, moved } from './apply.ts'
import { colourUnder, withColours } from './colour.ts'
import { affineRule, coloursOf, sampledPixels } from './colour-rules.ts'
import type { ExactDifference } from './difference.ts'
import { framed } from './frame.ts'
import { type Matte, matteOf } from './matte.ts'
import { distance, over, type Raster, white } from './raster.ts'
import { resized, type Warp, warped } from './warp.ts'

/** A and A′, opaque, with what stands in front of an even background. */
export interface Pair {
  readonly before: Raster
  readonly after: Raster
  readonly matte?: Matte
  readonly matteAfter?: Matte
}

/** The geometry of a difference; colours are still open. */
export type Outline = Pick<ExactDifference, 'moves' | 'warp' | 'frame'>

export const pairOf = (a: Raster, a2: Raster): Pair => {
  const after = over(a2, white)
  return { before: over(a, white), after, matte: matteOf(a), matteAfter: matteOf(after) }
}

/** The pair with this longest side, in pixels. */
export function shrunkPair({ before, after, matte, matteAfter }: Pair, longest: number): Pair {
  const shrunk = (picture: Raster) => {
    const scale = Math.min(1, longest / Math.max(picture.width, picture.height))
    return resized(picture, Math.round(picture.width * scale), Math.round(picture.height * scale))
  }
  const smaller = (one?: Matte) => one && { ...one, thing: shrunk(one.thing) }
  return {
    before: shrunk(before),
    after: shrunk(after),
    matte: smaller(matte),
    matteAfter: smaller(matteAfter),
  }
}

export interface Warped {
  /** Of the size of A′. */
  readonly picture: Raster
  /** Some of the pixels in which the two can be compared. */
  readonly indices: Int32Array
}

/** @param most At most so many indices. */
export function warpedIn({ matte, before, after }: Pair, { moves, warp, frame }: Outline, most: number): Warped {
  const picture = moves === 'picture' ? moved(before, warp, after) : warped(matte!.thing, warp, [0, 0, 0, 0], after)
  const inside =
    frame && framed({ ...after, data: new Float32Array(after.data.length) }, { ...frame, colour: [0, 0, 0] })
  const counts = (place: number) =>
    picture.data[4 * place + 3]! > 0.95 && !(inside && inside.data[4 * place + 3]! > 0.01)
  return { picture, indices: sampledPixels(after, most, counts) }
}

/** A under a difference. @param warped A's picture or thing, already warped. */
export function painted({ matte }: Pair, warped: Raster, difference: ExactDifference): Raster {
  const { colours, background } = difference
  const coloured = withColours(warped, colours)
  if (difference.moves === 'picture') return finished(coloured, difference)
  const own = background === 'stays' ? matte!.background : colourUnder(matte!.background, colours)
  return finished(over(coloured, typeof background === 'object' ? background.to : own), difference)
}

/** How far the outline is from bringing pixels where they are in A′, whatever their colours, and its price. */
export function scoreOf(pair: Pair, outline: Outline): number {
  const { picture, indices } = warpedIn(pair, outline, FEW)
  const background = { from: white, to: pair.matteAfter?.background ?? white }
  const colours = affineRule(coloursOf(picture, pair.after, indices))
  return distance(painted(pair, picture, { ...outline, colours, background }), pair.after) + priceOf(outline)
}

/** So many pixels tell which affine rule suits. */
const FEW = 400

/** What it costs that an outline has to be said. */
export function priceOf({ moves, warp, frame }: Outline): number {
  const isTurned = warp.turn % 360 !== 0
  const isMoved = Math.abs(warp.scale - 1) > 0.03 || warp.shift.some((value) => Math.abs(value) > 0.01)
  const turned =
    (isTurned ? 0.002 : 0) + (warp.mirrored ? 0.002 : 0) + (warp.mirrored && warp.turn % 90 !== 0 ? 0.004 : 0)
  return turned + (isMoved ? 0.002 : 0) + (moves === 'thing' ? 0.004 : 0) + (frame ? 0.004 : 0)
}

export interface Scored {
  readonly outline: Outline
  readonly score: number
}

/** The likeliest first. */
export const ranked = (pair: Pair, outlines: readonly Outline[]): Scored[] =>
  outlines.map((outline) => ({ outline, score: scoreOf(pair, outline) })).sort((one, other) => one.score - other.score)

/** In pixels, in parts and in degrees. */
export interface Steps {
  readonly shift: number
  readonly scale: number
  readonly turn: number
}

/** With such a score there is nothing better to search for. */
export const GOOD = 0.02

/** Coordinate descent over the warp, down to a tenth of a pixel. */
export function descended(pair: Pair, { outline, score }: Scored, steps: Steps): Scored {
  let best = { outline, score }
  const mayTurn = outline.moves === 'thing' && (outline.warp.turn % 90 !== 0 || score > GOOD)
  for (let part = 1; part * steps.shift > 0.08; ) {
    let isBetter = false
    for (const warp of neighbours(best.outline.warp, steps, part, pair.after, mayTurn)) {
      const tried = { ...best.outline, warp }
      const its = scoreOf(pair, tried)
      if (its < best.score - 1e-5) [best, isBetter] = [{ outline: tried, score: its }, true]
    }
    if (!isBetter) part /= 2
  }
  return best
}

function neighbours(warp: Warp, steps: Steps, part: number, { width, height }: Raster, mayTurn: boolean): Warp[] {
  return [part, -part].flatMap((way) => [
    { ...warp, shift: [warp.shift[0] + (way * steps.shift) / width, warp.shift[1]] as const },
    { ...warp, shift: [warp.shift[0], warp.shift[1] + (way * steps.shift) / height] as const },
    { ...warp, scale: Math.max(0.05, warp.scale * (1 + way * steps.scale)) },
    ...(mayTurn ? [{ ...warp, turn: warp.turn + way * steps.turn }] : []),
  ])
}
