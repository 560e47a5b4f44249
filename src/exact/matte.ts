import { type Raster, type Rgb, raster } from './raster.ts'

/** A picture split into a thing and a background of one colour. */
export interface Matte {
  readonly background: Rgb
  /** The background is transparent. */
  readonly isCut: boolean
  /** The thing alone; transparent where the background was. */
  readonly thing: Raster
}

/** The median colour of the border, and how far from it the border is (RMS). */
export function borderOf(picture: Raster): { readonly colour: Rgb; readonly spread: number } {
  const indices = borderPixels(picture)
  const middle = (channel: number) => {
    const values = indices.map((place) => picture.data[4 * place + channel]!).sort((one, other) => one - other)
    return values[values.length >> 1]!
  }
  const colour: Rgb = [middle(0), middle(1), middle(2)]
  const sum = indices.reduce((total, place) => total + squareTo(picture, place, colour), 0)
  return { colour, spread: Math.sqrt(sum / indices.length / 3) }
}

/** The border counts as one colour if it is this near. */
const EVEN = 0.05
/** Colours this near to the background's (Euclidean) belong to it if they are connected with the border. */
const NEAR = 0.08
/** Enclosed regions belong to it if they have exactly its colour. */
const SAME = 0.02

/** @param picture Opaque on white, or with a transparent border. Nothing where there is no even background or no thing. */
export function matteOf(picture: Raster): Matte | undefined {
  if (borderPixels(picture).every((place) => picture.data[4 * place + 3]! < 0.02)) {
    return { background: [1, 1, 1], isCut: true, thing: picture }
  }
  const { colour, spread } = borderOf(picture)
  if (spread > EVEN) return undefined
  return cutOut(picture, colour, backgroundOf(picture, colour))
}

function borderPixels({ width, height }: Raster): number[] {
  const indices: number[] = []
  for (let x = 0; x < width; x++) indices.push(x, (height - 1) * width + x)
  for (let y = 0; y < height; y++) indices.push(y * width, y * width + width - 1)
  return indices
}

function squareTo({ data }: Raster, place: number, colour: Rgb): number {
  return (
    (data[4 * place]! - colour[0]) ** 2 +
    (data[4 * place + 1]! - colour[1]) ** 2 +
    (data[4 * place + 2]! - colour[2]) ** 2
  )
}

/** 1 where the background is: flooded from the border, and enclosed holes of its very colour. */
function backgroundOf(picture: Raster, colour: Rgb): Uint8Array {
  const found = new Uint8Array(picture.width * picture.height)
  const flood = (start: readonly number[], near: number): number[] => {
    const reached: number[] = []
    const visit = (place: number) => {
      if (found[place] || squareTo(picture, place, colour) > near ** 2) return
      found[place] = 1
      reached.push(place)
    }
    start.forEach(visit)
    for (let next = 0; next < reached.length; next++) neighbours(picture, reached[next]!, visit)
    return reached
  }
  flood(borderPixels(picture), NEAR)
  const leastHole = found.length / 2000
  for (let place = 0; place < found.length; place++) {
    if (found[place] || squareTo(picture, place, colour) > SAME ** 2) continue
    const hole = flood([place], SAME)
    if (hole.length < leastHole) for (const one of hole) found[one] = 2
  }
  return found.map((value) => (value === 1 ? 1 : 0))
}

function neighbours({ width, height }: Raster, place: number, visit: (place: number) => void): void {
  const x = place % width
  if (x > 0) visit(place - 1)
  if (x < width - 1) visit(place + 1)
  if (place >= width) visit(place - width)
  if (place < width * (height - 1)) visit(place + width)
}

/** How wide an edge is, in pixels, where thing and background mix; narrower where little would be left of the thing. */
const EDGES = [2, 1, 0]
/** From this longest side on, the edges of what was drawn smaller are wider. */
const LARGE = 200
const LEAST_INSIDE = 0.4

/** For every pixel the nearest one completely inside the thing; undefined if there is little of it. */
function nearestInside(picture: Raster, isBackground: Uint8Array, edge: number): Int32Array | undefined {
  const outside = isBackground.slice()
  let front = [...isBackground.keys()].filter((place) => isBackground[place])
  for (let step = 0; step < edge; step++) {
    const next: number[] = []
    for (const place of front) {
      neighbours(picture, place, (beside) => {
        if (outside[beside]) return
        outside[beside] = 1
        next.push(beside)
      })
    }
    front = next
  }
  const nearest = new Int32Array(outside.length).fill(-1)
  const reached: number[] = []
  for (let place = 0; place < outside.length; place++) {
    if (outside[place]) continue
    nearest[place] = place
    reached.push(place)
  }
  const size = isBackground.reduce((sum, is) => sum + 1 - is, 0)
  if (reached.length < Math.max(20, LEAST_INSIDE * size)) return undefined
  for (let next = 0; next < reached.length; next++) {
    const place = reached[next]!
    neighbours(picture, place, (beside) => {
      if (nearest[beside] !== -1) return
      nearest[beside] = nearest[place]!
      reached.push(beside)
    })
  }
  return nearest
}

/**
 * The thing, inside as it is. At its edges alpha is the part of the way from the background's colour to the thing's
 * beside it; or, from two pictures, what of the change of backgrounds isn't seen (Smith and Blinn, Blue Screen Matting,
 * 1996).
 */
function unmixed(picture: Raster, colour: Rgb, isBackground: Uint8Array, nearest: Int32Array, other?: Other): Raster {
  const thing = raster(picture.width, picture.height)
  const value = (of: Raster, place: number, channel: number) => of.data[4 * place + channel]!
  for (let place = 0; place < nearest.length; place++) {
    if (isBackground[place]) continue
    const inside = nearest[place]!
    let [along, length] = [0, 0]
    for (let channel = 0; channel < 3; channel++) {
      const own = value(picture, place, channel)
      const way = other
        ? colour[channel]! - other.background[channel]!
        : value(picture, inside, channel) - colour[channel]!
      along += (other ? way - own + value(other.picture, place, channel) : own - colour[channel]!) * way
      length += way * way
    }
    const alpha = inside === place ? 1 : Math.min(1, Math.max(0, along / Math.max(length, 1e-4)))
    const isOwn = alpha > 0.98
    for (let channel = 0; channel < 3; channel++) {
      const own = value(picture, place, channel)
      const mixed = other ? own - (1 - alpha) * colour[channel]! : value(picture, inside, channel) * alpha
      thing.data[4 * place + channel] = isOwn ? own : Math.min(alpha, Math.max(0, mixed))
    }
    thing.data[4 * place + 3] = isOwn ? 1 : alpha
  }
  return thing
}

/** The same thing before another background. */
interface Other {
  readonly picture: Raster
  readonly background: Rgb
}

/**
 * The matte of A, where A′ shows the same thing in the same place before another background: what has the colour of A's
 * background is it where A′ has that of its own, also if it is enclosed, and belongs to the thing where not, such as a
 * white sail on white. That has to touch the rest of the thing, since what stands apart may as well be new in A′.
 *
 * @param to The background of A′, which is of the same size.
 * @returns `undefined` if the backgrounds are alike, or there is hardly a thing
 */
export function matteOfBoth(before: Raster, { background, isCut }: Matte, after: Raster, to: Rgb): Matte | undefined {
  const isAlike = Math.hypot(...background.map((value, channel) => value - to[channel]!)) < 2 * NEAR
  if (isCut || isAlike || before.width !== after.width || before.height !== after.height) return undefined
  const isPlain = (place: number) => squareTo(before, place, background) < NEAR ** 2
  const isThing = new Uint8Array(before.width * before.height)
  const reached: number[] = []
  const reveal = (place: number) => {
    if (isThing[place] || (isPlain(place) && squareTo(after, place, to) < NEAR ** 2)) return
    isThing[place] = 1
    reached.push(place)
  }
  for (let place = 0; place < isThing.length; place++) if (!isPlain(place)) reveal(place)
  for (let next = 0; next < reached.length; next++) neighbours(before, reached[next]!, reveal)
  return cutOut(
    before,
    background,
    isThing.map((is) => 1 - is),
    { picture: after, background: to },
  )
}

/** @param isBackground 1 where the background is. */
function cutOut(picture: Raster, background: Rgb, isBackground: Uint8Array, other?: Other): Matte | undefined {
  const isSmall = Math.max(picture.width, picture.height) < LARGE
  const edges = other ? [4, 3, ...EDGES] : isSmall ? EDGES : [3, ...EDGES]
  const nearest = edges.map((edge) => nearestInside(picture, isBackground, edge)).find((found) => found !== undefined)
  return nearest && { background, isCut: false, thing: unmixed(picture, background, isBackground, nearest, other) }
}
