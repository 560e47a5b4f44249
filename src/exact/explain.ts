import { colourUnder, withColours } from './colour.ts'
import { type Freedom, fitColours } from './colour-fit.ts'
import { coloursOf } from './colour-rules.ts'
import type { ExactDifference } from './difference.ts'
import { filtered } from './filter.ts'
import { fitFilters } from './filter-fit.ts'
import { fitVignette, vignetted } from './frame.ts'
import { GOOD, type Outline, type Pair, painted, priceOf, type Warped, warpedIn } from './pair.ts'
import { apart, distance } from './raster.ts'

export interface Explanation {
  readonly difference: ExactDifference
  /** RMS between what it makes of A and A′. */
  readonly error: number
  /** The error plus the cost of the description. */
  readonly score: number
}

/** The outline with colours, background, filter and vignette. */
export function explain(pair: Pair, outline: Outline): Explanation {
  const source = warpedIn(pair, outline, 1000)
  const plain = completed(pair, outline, source)
  const isSaid = plain.score < GOOD && plain.score > plain.error
  if (outline.moves === 'thing' || outline.frame || plain.error < FINE || isSaid) return plain
  const others = fitFilters(source.picture, pair.after, source.indices).map((filter) =>
    completed(pair, outline, source, { filter }, filtered(source.picture, filter)),
  )
  if (others.length === 0 && !pair.matte) others.push(withVignette(pair, outline, source, plain))
  return others.reduce((best, other) => (other.score < best.score ? other : best), plain)
}

/** With a smaller residual no filter is tried; nor where something else is a good explanation. */
const FINE = 0.012

/** @param before and `after`: where colours are compared, if not as they are. */
function completed(
  pair: Pair,
  outline: Outline,
  { picture, indices }: Warped,
  extra: Pick<ExactDifference, 'filter' | 'vignette'> = {},
  before = picture,
  after = pair.after,
): Explanation {
  const { rule: colours, penalty } = fitColours(coloursOf(before, after, indices), freedomOf(pair, outline))
  const difference = { ...outline, ...extra, colours, background: backgroundOf(pair, outline, colours) }
  const error = distance(painted(pair, picture, difference), pair.after)
  const price = priceOf(outline) + penalty + (extra.filter || extra.vignette ? 0.003 : 0)
  return { difference, error, score: error + price }
}

const freedomOf = ({ matte }: Pair, { moves }: Outline): Freedom =>
  matte ? (moves === 'thing' ? 'fixed' : 'even') : 'any'

/** Backgrounds this near are the same (per channel, of 1). */
const SAME_GROUND = 0.06

function backgroundOf(
  { matte, matteAfter }: Pair,
  { moves }: Outline,
  colours: ExactDifference['colours'],
): ExactDifference['background'] {
  if (moves === 'picture') return 'follows'
  const [from, to] = [matte!.background, matteAfter!.background]
  if (apart(colourUnder(from, colours), to) < SAME_GROUND) return 'follows'
  return apart(from, to) < SAME_GROUND ? 'stays' : { from, to }
}

/** Colours and vignette alternately. */
function withVignette(pair: Pair, outline: Outline, source: Warped, plain: Explanation): Explanation {
  let best = plain
  for (let round = 0; round < 2; round++) {
    const vignette = fitVignette(withColours(source.picture, best.difference.colours), pair.after)
    if (Math.abs(vignette) < 0.05 || vignette > 0.95) return best
    const lit = vignetted(pair.after, vignette / (vignette - 1))
    best = completed(pair, outline, source, { vignette }, source.picture, lit)
  }
  return best
}
