import { colourUnder } from './colour.ts'
import type { ExactDifference } from './difference.ts'
import { type Explanation, explain } from './explain.ts'
import { blurred } from './filter.ts'
import { type Frame, framesOf } from './frame.ts'
import { matteOfBoth } from './matte.ts'
import {
  descended,
  GOOD,
  type Outline,
  type Pair,
  painted,
  pairOf,
  ranked,
  scoreOf,
  shrunkPair,
  warpedIn,
} from './pair.ts'
import { apart, distance, type Raster } from './raster.ts'
import { likelyCrops, likelyMoves } from './search.ts'
import { identity, resized, type Warp } from './warp.ts'

export interface ExactFit {
  readonly difference: ExactDifference
  /** RMS between A under the difference and A′, 0…1. */
  readonly residual: number
  /** RMS between A and A′. */
  readonly unchanged: number
  /** The residual of the worst sixteenth by sixteenth of the picture, both blurred: edges don't count, parts do. */
  readonly worst: number
}

/** If less than this remains (RMS), and less than half of what A′ changes, there is nothing left to learn. */
const LEAST_LEFT = 0.06
/** No part of the picture may differ by this much: a mouth, for example. It is smaller on a thing that was made smaller. */
const LEAST_PART = 0.1

export const isExact = ({ difference: { moves, warp }, residual, unchanged, worst }: ExactFit): boolean =>
  residual < LEAST_LEFT &&
  residual < unchanged / 2 &&
  worst < LEAST_PART * (moves === 'thing' ? Math.min(1, warp.scale) : 1)

/**
 * Whether the difference moves or turns a thing in front of its background, far, and the rest is to be learned. Not by
 * an oblique angle: what is drawn otherwise is often tilted otherwise.
 */
export function isPart(fit: ExactFit): boolean {
  const { moves, warp } = fit.difference
  const isFar =
    warp.mirrored ||
    Math.abs(Math.log(warp.scale)) > 0.15 ||
    Math.abs(((warp.turn + 540) % 360) - 180) > OBLIQUE ||
    warp.shift.some((value) => Math.abs(value) > 0.08)
  const isUpright = Math.abs((((warp.turn % 90) + 135) % 90) - 45) < OBLIQUE
  return !isExact(fit) && moves === 'thing' && isFar && isUpright && fit.residual < WORTHWHILE * fit.unchanged
}

/** Degrees. */
const OBLIQUE = 5
/** A search goes on, and a part is worth having, if it leaves less than this of what was there without it. */
const WORTHWHILE = 0.6
/** With such a score on the small copies, a warp is worth a look whatever is without it. */
const LIKELY = 0.05
/** With such a score, pixels are not where they should be, whatever happened to their colours. */
const HOPELESS = 0.1

/**
 * The exact difference that explains most with the fewest numbers, however little that is.
 *
 * @param a,a2 The pair, small: about 128 px along the longest side. A′ may have another shape than A.
 */
export function fitExact(a: Raster, a2: Raster): ExactFit {
  const { pair, difference } = likelier(pairOf(a, a2))
  const made = painted(pair, warpedIn(pair, difference, 1).picture, difference)
  return {
    difference: { ...difference, warp: withCanvas(difference, a, a2) },
    residual: distance(made, pair.after),
    unchanged: distance(resized(pair.before, pair.after.width, pair.after.height), pair.after),
    worst: worstPart(made, pair.after),
  }
}

/** Where a thing stays before another background, both pictures tell together what the thing is. */
function likelier(pair: Pair): { readonly pair: Pair; readonly difference: ExactDifference } {
  const { before, after, matte, matteAfter } = pair
  const best = bestOf(pair)
  const ofBoth =
    best.score >= GOOD && matte && matteAfter ? matteOfBoth(before, matte, after, matteAfter.background) : undefined
  if (!ofBoth) return { pair, ...best }
  const other = { ...pair, matte: ofBoth }
  const found = explain(other, { moves: 'thing', warp: identity })
  return found.score < best.score ? { pair: other, ...found } : { pair, ...best }
}

/** Candidates are compared on copies of these sizes; what can't be right is given up on the smallest. */
const [COARSE, COARSER, COARSEST] = [64, 32, 16]

/** From what takes few words to what takes many; a good one ends the search. */
function bestOf(pair: Pair): Explanation {
  const { before, after, matte, matteAfter } = pair
  const [coarse, coarser] = [shrunkPair(pair, COARSE), shrunkPair(pair, COARSER)]
  const coarsest = shrunkPair(pair, COARSEST)
  let best: Explanation | undefined
  const isGood = () => best !== undefined && best.score < GOOD
  const consider = (outline: Outline) => {
    const found = explain(pair, outline)
    if (!isSeen(found.difference, pair)) return
    if (!best || found.score < best.score) best = found
  }
  const resting = plainWarps(before, after)
  const onAnother: Outline[] = matte && matteAfter ? resting.slice(0, 1).map((warp) => ({ moves: 'thing', warp })) : []
  const plain = ranked(coarse, [...onAnother, ...resting.map(ofPicture)])
  for (const { outline, score } of plain.slice(0, 3)) {
    // A filter or a vignette leaves the smallest copy alike.
    if (score < HOPELESS || scoreOf(coarsest, outline) < HOPELESS) consider(outline)
  }
  const unmoved = Math.min(...plain.map(({ outline }) => scoreOf(coarser, outline)))
  if (!isGood() && matte && matteAfter) {
    const moves = likelyMoves(matte.thing, matteAfter.thing).map((warp): Outline => ({ moves: 'thing', warp }))
    const found = searched([coarser, coarse, pair], moves, Math.max(LIKELY, WORTHWHILE * unmoved))
    if (found) consider(found)
  }
  if (!isGood()) {
    const [framed] = ranked(
      coarse,
      framesOf(after).flatMap((frame) => framedOutlines(frame, before, after)),
    )
    if (framed && framed.score < HOPELESS) consider(framed.outline)
  }
  if (!isGood() && !(matte && matteAfter)) {
    const crops = likelyCrops(before, after).map(ofPicture)
    const found = searched([coarser, coarse, pair], crops, Math.min(HOPELESS, WORTHWHILE * unmoved))
    if (found) consider(found)
  }
  return best ?? explain(coarse, plain[0]?.outline ?? ofPicture(sizedTo(before, after)))
}

/** A frame of the colour that the background has, or gets anyway, is none. */
const isSeen = ({ frame, colours }: ExactDifference, { matte }: Pair) =>
  !frame ||
  !matte ||
  [matte.background, colourUnder(matte.background, colours)].every((ground) => apart(ground, frame.colour) > 0.06)

const ofPicture = (warp: Warp): Outline => ({ moves: 'picture', warp })

/** This many outlines are examined closely. */
const CLOSELY = 4

/** The best warp, found on small copies and refined on larger ones; none if it leaves more than `most` on the smallest. */
function searched(
  [small, ...larger]: readonly Pair[],
  outlines: readonly Outline[],
  most: number,
): Outline | undefined {
  const near = ranked(small!, outlines)
    .slice(0, CLOSELY)
    .map((each) => descended(small!, each, { shift: 1, scale: 0.06, turn: 4 }))
    .sort((one, other) => one.score - other.score)
  let likely = near
    .filter(({ score }) => score < most)
    .slice(0, 2)
    .map(({ outline }) => outline)
  for (const pair of larger) {
    likely = ranked(pair, likely)
      .slice(0, 1)
      .map((each) => descended(pair, each, { shift: 0.3, scale: 0.008, turn: 0.8 }).outline)
  }
  return likely[0]
}

/** Mirrored or not, by every quarter turn that gives the shape of A′. */
function plainWarps(before: Raster, after: Raster): Warp[] {
  return [false, true].flatMap((mirrored) =>
    [0, 90, 180, 270].flatMap((turn) => {
      const [width, height] = turn % 180 === 0 ? [before.width, before.height] : [before.height, before.width]
      return isShape(after, width, height) ? { ...identity, mirrored, turn, scale: after.width / width } : []
    }),
  )
}

const isShape = (one: Raster, width: number, height: number) =>
  Math.abs((one.width * height) / (one.height * width) - 1) < 0.04

const framedOutlines = (frame: Frame, before: Raster, after: Raster): Outline[] => [
  { ...ofPicture(sizedTo(before, after)), frame },
  { ...ofPicture(insideOf(frame, before, after)), frame },
]

const sizedTo = (before: Raster, after: Raster): Warp => ({
  ...identity,
  scale: Math.max(after.width / before.width, after.height / before.height),
})

function insideOf(frame: Frame, before: Raster, after: Raster): Warp {
  const unit = Math.min(after.width, after.height)
  const width = after.width - (frame.left + frame.right) * unit
  const height = after.height - (frame.top + frame.bottom) * unit
  const shift = [
    ((frame.left - frame.right) * unit) / 2 / after.width,
    ((frame.top - frame.bottom) * unit) / 2 / after.height,
  ] as const
  return { ...identity, scale: Math.max(width / before.width, height / before.height), shift }
}

/** A warp of small pictures for those of any size: where A′ has another shape, the new canvas makes the difference. */
function withCanvas({ moves, warp }: ExactDifference, a: Raster, a2: Raster): Warp {
  if (moves === 'thing') return warp
  const [width, height] = Math.abs(warp.turn) % 180 === 90 ? [a.height, a.width] : [a.width, a.height]
  if (isShape(a2, width, height)) return { ...warp, scale: (warp.scale * width) / a2.width }
  return { ...warp, scale: 1, canvas: [a2.width / (warp.scale * width), a2.height / (warp.scale * height)] }
}

/** Blurred by this much (sigma) for it, as part of the longest side. */
const SOFT = 1 / 64
const PARTS = 16

function worstPart(made: Raster, after: Raster): number {
  const longest = Math.max(made.width, made.height)
  const [one, other] = [blurred(made, SOFT * longest), blurred(after, SOFT * longest)]
  const side = Math.max(1, Math.round(longest / PARTS))
  const across = Math.ceil(made.width / side)
  const sums = new Float64Array(across * Math.ceil(made.height / side))
  for (let at = 0; at < one.data.length; at++) {
    const [x, y] = [(at >> 2) % made.width, Math.floor((at >> 2) / made.width)]
    sums[Math.floor(y / side) * across + Math.floor(x / side)]! += (one.data[at]! - other.data[at]!) ** 2
  }
  return Math.sqrt(Math.max(...sums) / side ** 2 / 3)
}
