import { finished, moved } from './apply.ts'
import { colourUnder, withColours } from './colour.ts'
import { affineRule, coloursOf, type Freedom, fitColours, placesOf } from './colour-fit.ts'
import type { ExactDifference } from './difference.ts'
import { blurred, filtered } from './filter.ts'
import { fitFilters } from './filter-fit.ts'
import { type Frame, fitVignette, framed, framesOf, vignetted } from './frame.ts'
import { type Matte, matteOf } from './matte.ts'
import { apart, distance, over, type Raster, white } from './raster.ts'
import { likelyCrops, likelyMoves } from './search.ts'
import { identity, resized, type Warp, warped } from './warp.ts'

export interface ExactFit {
  readonly difference: ExactDifference
  /** A under the difference. Opaque, of the size of A′. */
  readonly made: Raster
  /** RMS between it and A′, 0…1. */
  readonly residual: number
  /** RMS between A and A′. */
  readonly unchanged: number
  /** The residual of the worst sixteenth by sixteenth of the picture, both blurred: edges don't count, parts do. */
  readonly worst: number
}

/** If less than this remains (RMS), and less than half of what A′ changes, there is nothing left to learn. */
const LEAST_LEFT = 0.06
/** No part of the picture may differ by this much: a mouth, for example. */
const LEAST_PART = 0.1

export const isExact = ({ residual, unchanged, worst }: ExactFit): boolean =>
  residual < LEAST_LEFT && residual < unchanged / 2 && worst < LEAST_PART

interface Candidate {
  readonly difference: ExactDifference
  /** RMS between what it makes and A′. */
  readonly error: number
  /** The error plus the cost of the description. */
  readonly score: number
}

/** Candidates are compared on pictures with these longest sides, in pixels. */
const COARSE = 64
const COARSEST = 32
/** This many of them are examined closely. */
const CLOSELY = 4
/** With such a score, pixels are not where they should be, whatever happened to their colours. */
const HOPELESS = 0.1
/** With such a score there is nothing better to search for. */
const GOOD = 0.02

/**
 * The exact difference that explains most with the fewest numbers, however little that is.
 *
 * @param a,a2 The pair, small: about 128 px along the longest side. A′ may have another shape than A.
 */
export function fitExact(a: Raster, a2: Raster): ExactFit {
  const pair = pairOf(a, over(a2, white))
  const best = bestOf(pair, shrunkPair(pair, COARSE), shrunkPair(pair, COARSEST))
  const made = render(pair, best.difference)
  const resting = resized(pair.opaque, pair.after.width, pair.after.height)
  return {
    difference: { ...best.difference, warp: withCanvas(best.difference, a, a2) },
    made,
    residual: distance(made, pair.after),
    unchanged: distance(resting, pair.after),
    worst: worstPart(made, pair.after),
  }
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

/** From what takes few words to what takes many; a good one ends the search. */
function bestOf(pair: Pair, coarse: Pair, coarsest: Pair): Candidate {
  let best: Candidate | undefined
  const consider = (outlines: readonly Outline[], close: number, isLoose = false) => {
    if (best && best.score < GOOD) return
    const likely = isLoose ? refined(coarse, coarsest, outlines) : likeliest(coarse, outlines, close)
    for (const outline of likely) {
      if (best && coarseScore(coarse, outline) > HOPELESS) continue
      const found = explain(pair, isLoose ? descend(pair, outline, { shift: 0.3, scale: 0.004, turn: 0.4 }) : outline)
      if (!best || found.score < best.score) best = found
    }
  }
  const { opaque, after, matte, matteAfter } = pair
  consider(plainWarps(opaque, after).map(ofPicture), 2)
  if (matte && matteAfter) {
    const moves = likelyMoves(matte.thing, matteAfter.thing)
    consider(
      moves.map((warp) => ({ moves: 'thing', warp })),
      1,
      true,
    )
  }
  consider(
    framesOf(after).flatMap((frame) => framedOutlines(frame, opaque, after)),
    1,
  )
  consider(likelyCrops(opaque, after).map(ofPicture), 1, true)
  return best!
}

const ofPicture = (warp: Warp): Outline => ({ moves: 'picture', warp })

/** The best of them by how nearly they bring pixels where they are in A′, whatever their colours. */
function likeliest(pair: Pair, outlines: readonly Outline[], most: number): Outline[] {
  return outlines
    .map((outline) => ({ outline, score: coarseScore(pair, outline) }))
    .sort((one, other) => one.score - other.score)
    .slice(0, most)
    .map(({ outline }) => outline)
}

function refined(coarse: Pair, coarsest: Pair, outlines: readonly Outline[]): Outline[] {
  const near = likeliest(coarsest, outlines, CLOSELY)
  return likeliest(
    coarse,
    near.map((outline) => descend(coarse, outline, { shift: 2, scale: 0.06, turn: 4 })),
    1,
  )
}

interface Pair {
  /** A on white. */
  readonly opaque: Raster
  readonly after: Raster
  readonly matte?: Matte
  readonly matteAfter?: Matte
}

const pairOf = (before: Raster, after: Raster): Pair => ({
  opaque: over(before, white),
  after,
  matte: matteOf(before),
  matteAfter: matteOf(after),
})

function shrunkPair({ opaque, after, matte, matteAfter }: Pair, longest: number): Pair {
  const smaller = (one?: Matte) => one && { ...one, thing: shrunk(one.thing, longest) }
  return {
    opaque: shrunk(opaque, longest),
    after: shrunk(after, longest),
    matte: smaller(matte),
    matteAfter: smaller(matteAfter),
  }
}

function shrunk(picture: Raster, longest: number): Raster {
  const scale = Math.min(1, longest / Math.max(picture.width, picture.height))
  return resized(picture, Math.round(picture.width * scale), Math.round(picture.height * scale))
}

/** The geometry; colours are still open. */
type Outline = Pick<ExactDifference, 'moves' | 'warp' | 'frame'>

const framedOutlines = (frame: Frame, before: Raster, after: Raster): Outline[] => [
  { ...ofPicture(sizedTo(before, after)), frame },
  { ...ofPicture(insideOf(frame, before, after)), frame },
]

/** Mirrored or not, by every quarter turn that gives the shape of A′. */
function plainWarps(before: Raster, after: Raster): Warp[] {
  return [false, true].flatMap((mirrored) =>
    [0, 90, 180, 270].flatMap((turn) => {
      const [width, height] = turn % 180 === 0 ? [before.width, before.height] : [before.height, before.width]
      const isShape = Math.abs((after.width * height) / (after.height * width) - 1) < 0.04
      return isShape ? { ...identity, mirrored, turn, scale: after.width / width } : []
    }),
  )
}

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

/** A under a difference, of the size of A′. */
function render(pair: Pair, difference: ExactDifference): Raster {
  const { warp, colours, background } = difference
  const { after, opaque, matte } = pair
  if (difference.moves === 'picture') return finished(withColours(moved(opaque, warp, after), colours), difference)
  const thing = withColours(warped(matte!.thing, warp, [0, 0, 0, 0], after), colours)
  const own = background === 'stays' ? matte!.background : colourUnder(matte!.background, colours)
  return finished(over(thing, typeof background === 'object' ? background.to : own), difference)
}

/** The outline with the colours that suit it best, of all that are affine. */
function roughly(pair: Pair, outline: Outline): ExactDifference {
  const { source, places } = unfinished(pair, outline, 400)
  const background = { from: white, to: pair.matteAfter?.background ?? white }
  return { ...outline, colours: affineRule(coloursOf(source, pair.after, places)), background }
}

/** What is warped, and A′, where they can be compared. */
function unfinished(pair: Pair, { moves, warp, frame }: Outline, most: number) {
  const { matte, opaque, after } = pair
  const source = moves === 'picture' ? moved(opaque, warp, after) : warped(matte!.thing, warp, [0, 0, 0, 0], after)
  const inside =
    frame && framed({ ...after, data: new Float32Array(after.data.length) }, { ...frame, colour: [0, 0, 0] })
  const counts = (place: number) =>
    source.data[4 * place + 3]! > 0.95 && !(inside && inside.data[4 * place + 3]! > 0.01)
  return { source, places: placesOf(after, most, counts) }
}

function coarseScore(pair: Pair, outline: Outline): number {
  return distance(render(pair, roughly(pair, outline)), pair.after) + priceOf(outline)
}

/** What it costs that an outline has to be said. */
function priceOf({ moves, warp, frame }: Outline): number {
  const isTurned = warp.turn % 360 !== 0
  const isMoved = Math.abs(warp.scale - 1) > 0.03 || warp.shift.some((value) => Math.abs(value) > 0.01)
  const turned =
    (isTurned ? 0.002 : 0) + (warp.mirrored ? 0.002 : 0) + (warp.mirrored && warp.turn % 90 !== 0 ? 0.004 : 0)
  return turned + (isMoved ? 0.002 : 0) + (moves === 'thing' ? 0.004 : 0) + (frame ? 0.004 : 0)
}

/** In pixels, in parts and in degrees. */
interface Steps {
  readonly shift: number
  readonly scale: number
  readonly turn: number
}

function descend(pair: Pair, outline: Outline, steps: Steps): Outline {
  let [best, score] = [outline, coarseScore(pair, outline)]
  const mayTurn = outline.moves === 'thing' && (outline.warp.turn % 90 !== 0 || score > GOOD)
  for (let part = 1; part * steps.shift > 0.08; ) {
    let isBetter = false
    for (const warp of neighbours(best.warp, steps, part, pair.after, mayTurn)) {
      const tried = { ...best, warp }
      const its = coarseScore(pair, tried)
      if (its < score - 1e-5) [best, score, isBetter] = [tried, its, true]
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

/** The outline with colours, background, filter and vignette. */
function explain(pair: Pair, outline: Outline): Candidate {
  const { source, places } = unfinished(pair, outline, 1000)
  const isPicture = outline.moves === 'picture'
  const plain = completed(pair, outline, source, places)
  let best = plain
  if (isPicture && !outline.frame && plain.error > FINE) {
    for (const filter of fitFilters(source, pair.after, places)) {
      const its = completed(pair, outline, filtered(source, filter), places, { filter })
      if (its.score < best.score) best = its
    }
    if (best === plain && !pair.matte) {
      const its = withVignette(pair, outline, source, places, plain)
      if (its.score < best.score) best = its
    }
  }
  return best
}

/** With a smaller residual no filter is tried. */
const FINE = 0.012

type Extra = Pick<ExactDifference, 'filter' | 'vignette'>

function completed(
  pair: Pair,
  outline: Outline,
  source: Raster,
  places: Int32Array,
  extra: Extra = {},
  after = pair.after,
): Candidate {
  const { rule: colours, penalty } = fitColours(coloursOf(source, after, places), freedomOf(pair, outline))
  const difference: ExactDifference = {
    ...outline,
    colours,
    background: backgroundOf(pair, outline, colours),
    ...extra,
  }
  const error = distance(render(pair, difference), pair.after)
  return { difference, error, score: error + penalty + priceOf(outline) + (extra.filter || extra.vignette ? 0.003 : 0) }
}

const freedomOf = ({ matte }: Pair, { moves }: Outline): Freedom =>
  matte ? (moves === 'thing' ? 'fixed' : 'even') : 'any'

/** Backgrounds this near are the same (per channel, of 1). */
const SAME_GROUND = 0.06

function backgroundOf(
  pair: Pair,
  { moves }: Outline,
  colours: ExactDifference['colours'],
): ExactDifference['background'] {
  if (moves === 'picture') return 'follows'
  const [from, to] = [pair.matte!.background, pair.matteAfter!.background]
  if (apart(colourUnder(from, colours), to) < SAME_GROUND) return 'follows'
  return apart(from, to) < SAME_GROUND ? 'stays' : { from, to }
}

/** Colours and vignette alternately. */
function withVignette(pair: Pair, outline: Outline, source: Raster, places: Int32Array, plain: Candidate): Candidate {
  let best = plain
  for (let round = 0; round < 2; round++) {
    const vignette = fitVignette(withColours(source, best.difference.colours), pair.after)
    if (Math.abs(vignette) < 0.05 || vignette > 0.95) return best
    const lit = vignetted(pair.after, vignette / (vignette - 1))
    best = completed(pair, outline, source, places, { vignette }, lit)
  }
  return best
}

/** A warp of small pictures for those of any size: where A′ has another shape, the new canvas makes the difference. */
function withCanvas({ moves, warp }: ExactDifference, a: Raster, a2: Raster): Warp {
  if (moves === 'thing') return warp
  const [width, height] = Math.abs(warp.turn) % 180 === 90 ? [a.height, a.width] : [a.width, a.height]
  const isShape = Math.abs((a2.width * height) / (a2.height * width) - 1) < 0.04
  if (isShape) return { ...warp, scale: (warp.scale * width) / a2.width }
  return { ...warp, scale: 1, canvas: [a2.width / (warp.scale * width), a2.height / (warp.scale * height)] }
}
