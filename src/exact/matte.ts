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
  const isBackground = backgroundOf(picture, colour)
  const edges = Math.max(picture.width, picture.height) < LARGE ? EDGES : [3, ...EDGES]
  const nearest = edges.map((edge) => nearestInside(picture, isBackground, edge)).find((found) => found !== undefined)
  return nearest && { background: colour, isCut: false, thing: unmixed(picture, colour, isBackground, nearest) }
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

/** Alpha along the way from the background's colour to the thing's beside it. */
function unmixed(picture: Raster, colour: Rgb, isBackground: Uint8Array, nearest: Int32Array): Raster {
  const thing = raster(picture.width, picture.height)
  for (let place = 0; place < nearest.length; place++) {
    if (isBackground[place]) continue
    const inside = 4 * nearest[place]!
    let [along, length] = [0, 0]
    for (let channel = 0; channel < 3; channel++) {
      const way = picture.data[inside + channel]! - colour[channel]!
      along += (picture.data[4 * place + channel]! - colour[channel]!) * way
      length += way * way
    }
    const alpha = nearest[place] === place ? 1 : Math.min(1, Math.max(0, along / Math.max(length, 1e-4)))
    const isOwn = alpha > 0.98
    for (let channel = 0; channel < 3; channel++) {
      const value = isOwn ? picture.data[4 * place + channel]! : picture.data[inside + channel]! * alpha
      thing.data[4 * place + channel] = value
    }
    thing.data[4 * place + 3] = isOwn ? 1 : alpha
  }
  return thing
}
