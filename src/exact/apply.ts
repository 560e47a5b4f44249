import { colourUnder, isSame, withColours } from './colour.ts'
import type { ExactDifference } from './difference.ts'
import { filtered } from './filter.ts'
import { framed, vignetted } from './frame.ts'
import { borderOf, type Matte, matteOf } from './matte.ts'
import { apart, isOpaque, mix, over, type Raster, type Rgb, white } from './raster.ts'
import { canvasOf, enlarged, power, type Warp, warped } from './warp.ts'

/**
 * B′ from B's own pixels, at B's resolution or a larger one. What is transparent in B stays transparent if white, which stands for it,
 * stays white.
 *
 * @param strength 0 gives B itself, 0.5 goes half-way (half a turn, half-way colours), −1 undoes what can be undone.
 * @param least The longest side of B′ in pixels, if B's is smaller. A smaller B is enlarged after its thing has been cut
 *   out and before everything else, so that edges of frames and squares are sharp.
 * @returns undefined if a thing is to be moved and B has no even background to move it on
 */
export function applyExact(difference: ExactDifference, b: Raster, strength = 1, least = 0): Raster | undefined {
  if (strength === 0) return enlarged(b, least)
  const made =
    difference.moves === 'thing'
      ? ofThing(difference, b, strength, least)
      : ofPicture(difference, enlarged(b, least), strength)
  return made && finished(made, difference, strength)
}

function ofPicture({ warp, colours }: ExactDifference, b: Raster, strength: number): Raster {
  const staysClear = apart(colourUnder(white, colours), white) < 0.02
  const picture = staysClear || isOpaque(b) ? b : over(b, white)
  return withColours(moved(picture, power(warp, strength, b)), colours, strength)
}

/** Beyond a picture's edges its border's colour is assumed. */
export function moved(picture: Raster, warp: Warp, canvas = canvasOf(picture, warp)): Raster {
  const isClear = picture.data[3]! < 0.02
  const { colour } = borderOf(picture)
  return warped(picture, warp, isClear ? [0, 0, 0, 0] : [...colour, 1], canvas)
}

function ofThing(difference: ExactDifference, b: Raster, strength: number, least: number): Raster | undefined {
  const matte = matteOf(b)
  if (!matte) return undefined
  const { scale, turn, mirrored } = difference.warp
  // What stays where it is is laid over its background first: edges come out sharper.
  const isStill = turn === 0 && !mirrored && Math.abs(scale - 1) < 0.01
  const cut = isStill ? matte.thing : enlarged(matte.thing, least)
  const warp = power(difference.warp, strength, cut)
  const thing = withColours(warped(cut, warp, [0, 0, 0, 0], cut), difference.colours, strength)
  const background = backgroundUnder(matte, difference, strength)
  return enlarged(matte.isCut && apart(background, white) < 0.02 ? thing : over(thing, background), least)
}

function backgroundUnder({ background: own }: Matte, { background, colours }: ExactDifference, strength: number): Rgb {
  if (background === 'stays') return own
  if (background === 'follows') return isSame(colours) ? own : mix(own, colourUnder(own, colours), strength)
  return mix(own, strength > 0 ? background.to : background.from, Math.min(1, Math.abs(strength)))
}

/** The steps after warp, colours and background. */
export function finished(picture: Raster, { filter, vignette, frame }: Partial<ExactDifference>, strength = 1): Raster {
  let made = filter ? filtered(picture, filter, strength) : picture
  if (vignette) made = vignetted(made, vignette * strength)
  return frame ? framed(made, frame, strength) : made
}
