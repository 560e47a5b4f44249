import { type Raster, raster } from './raster.ts'

/** A picture is mirrored, scaled, rotated and shifted, in this order and about its centre. */
export interface Warp {
  readonly mirrored: boolean
  readonly scale: number
  /** Degrees, clockwise. */
  readonly turn: number
  /** In widths and heights of the new canvas, to the right and down. */
  readonly shift: readonly [number, number]
  /** The new canvas, in widths and heights of the picture (of the turned picture, after quarter turns). */
  readonly canvas: readonly [number, number]
}

export const identity: Warp = { mirrored: false, scale: 1, turn: 0, shift: [0, 0], canvas: [1, 1] }

/** [red, green, blue, alpha] where the picture ends, multiplied by alpha. */
type Fill = readonly [number, number, number, number]

export interface Canvas {
  readonly width: number
  readonly height: number
}

/** The picture warped. @param fill What lies beyond its edges. @param canvas The size of the result in pixels. */
export function warped(picture: Raster, warp: Warp, fill: Fill, canvas = canvasOf(picture, warp)): Raster {
  const [right, down] = [warp.shift[0] * canvas.width, warp.shift[1] * canvas.height]
  const { scale } = warp
  if (warp.turn === 0) return scaled(picture, canvas, { scale, right, down, mirrored: warp.mirrored }, fill)
  const width = Math.ceil(picture.width * scale)
  const height = Math.ceil(picture.height * scale)
  const still = scaled(picture, { width, height }, { scale, right: 0, down: 0, mirrored: warp.mirrored }, fill)
  return turned(still, canvas, { turn: warp.turn, right, down }, fill)
}

/** The canvas of a whole picture that is warped, in pixels. */
export function canvasOf({ width, height }: Canvas, { turn, canvas }: Warp): Canvas {
  const [across, down] = Math.abs(turn) % 180 === 90 ? [height, width] : [width, height]
  return { width: Math.max(1, Math.round(across * canvas[0])), height: Math.max(1, Math.round(down * canvas[1])) }
}

/** The picture at another size. */
export function resized(picture: Raster, width: number, height: number): Raster {
  if (picture.width === width && picture.height === height) return picture
  const columns = windows(picture.width, width, width / picture.width, 0, false)
  const rows = windows(picture.height, height, height / picture.height, 0, false)
  return throughRows(throughColumns(picture, columns, [0, 0, 0, 0]), rows, [0, 0, 0, 0])
}

/** The picture with a longest side of at least `least` pixels, up to its very edges. */
export function enlarged(picture: Raster, least: number): Raster {
  const { width, height } = picture
  const scale = least / Math.max(width, height)
  if (scale <= 1) return picture
  const within = (from: number) =>
    windows(from, Math.round(from * scale), scale, 0, false).map(({ start, weights, beyond }) => {
      return { start, weights: weights.map((weight) => weight / (1 - beyond)), beyond: 0 }
    })
  return throughRows(throughColumns(picture, within(width), [0, 0, 0, 0]), within(height), [0, 0, 0, 0])
}

/**
 * The warp done `strength` times: half of a quarter turn is an eighth, −1 undoes. A turn or a scale with a shift is one
 * about a fixed point, and stays about it. A mirrored warp has no half: from half on it is done (or undone) whole.
 */
export function power(warp: Warp, strength: number, { width, height }: Canvas): Warp {
  if (warp.mirrored && Math.abs(strength) < 0.5) return identity
  const times = warp.mirrored ? Math.sign(strength) : strength
  if (times === 1) return warp
  const canvas = [warp.canvas[0] ** times, warp.canvas[1] ** times] as const
  const [right, down] = [warp.shift[0] * width, warp.shift[1] * height]
  if (warp.mirrored) {
    const [a, b] = polar(1 / warp.scale, -warp.turn)
    const shift = [(a * right - b * down) / width, -(b * right + a * down) / height] as const
    return { mirrored: true, scale: 1 / warp.scale, turn: warp.turn, shift, canvas }
  }
  // Points are complex numbers, p ↦ m p + t: after s times p ↦ m^s p + t (m^s − 1) ÷ (m − 1).
  const [scale, turn] = [warp.scale ** times, warp.turn * times]
  const [a, b] = polar(warp.scale, warp.turn)
  const [c, d] = polar(scale, turn)
  const size = (a - 1) ** 2 + b ** 2
  const [real, imaginary] =
    size < 1e-6 ? [times, 0] : [((c - 1) * (a - 1) + d * b) / size, (d * (a - 1) - (c - 1) * b) / size]
  const shift = [(right * real - down * imaginary) / width, (right * imaginary + down * real) / height] as const
  return { mirrored: false, scale, turn, shift, canvas }
}

const polar = (size: number, degrees: number): readonly [number, number] => [
  size * Math.cos((degrees * Math.PI) / 180),
  size * Math.sin((degrees * Math.PI) / 180),
]

/** The input that an output pixel along one axis is made of; `beyond` is the weight of what lies past the edges. */
interface Window {
  readonly start: number
  readonly weights: readonly number[]
  readonly beyond: number
}

const SUPPORT = 2

/** Bicubic (a = −½), with a wider kernel for reduction. */
function windows(from: number, to: number, scale: number, shift: number, mirrored: boolean): Window[] {
  const spread = Math.max(1, 1 / scale)
  return Array.from({ length: to }, (_, at) => {
    const distance = (at + 0.5 - to / 2 - shift) / scale
    const centre = (mirrored ? -distance : distance) + from / 2 - 0.5
    const first = Math.ceil(centre - SUPPORT * spread)
    const values: number[] = []
    for (let n = first; n < centre + SUPPORT * spread; n++) values.push(bicubic((n - centre) / spread))
    const total = values.reduce((sum, value) => sum + value, 0)
    const start = Math.max(0, first)
    const end = Math.min(from, first + values.length)
    const weights = end > start ? values.slice(start - first, end - first).map((value) => value / total) : []
    return { start, weights, beyond: 1 - weights.reduce((sum, value) => sum + value, 0) }
  })
}

function bicubic(distance: number): number {
  const x = Math.abs(distance)
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0
}

interface Placing {
  readonly scale: number
  readonly mirrored: boolean
  /** In pixels of the canvas. */
  readonly right: number
  readonly down: number
}

function scaled(picture: Raster, { width, height }: Canvas, placing: Placing, fill: Fill): Raster {
  const columns = windows(picture.width, width, placing.scale, placing.right, placing.mirrored)
  const rows = windows(picture.height, height, placing.scale, placing.down, false)
  return throughRows(throughColumns(picture, columns, fill), rows, fill)
}

function throughColumns({ width, height, data }: Raster, columns: readonly Window[], fill: Fill): Raster {
  const made = raster(columns.length, height)
  for (let x = 0; x < columns.length; x++) {
    const { start, weights, beyond } = columns[x]!
    for (let y = 0; y < height; y++) {
      let [red, green, blue, alpha] = [beyond * fill[0], beyond * fill[1], beyond * fill[2], beyond * fill[3]]
      let place = 4 * (y * width + start)
      for (let n = 0; n < weights.length; n++) {
        const weight = weights[n]!
        red += weight * data[place]!
        green += weight * data[place + 1]!
        blue += weight * data[place + 2]!
        alpha += weight * data[place + 3]!
        place += 4
      }
      put(made.data, 4 * (y * columns.length + x), red, green, blue, alpha)
    }
  }
  return made
}

function throughRows({ width, data }: Raster, rows: readonly Window[], fill: Fill): Raster {
  const made = raster(width, rows.length)
  const stride = 4 * width
  for (const [y, { start, weights, beyond }] of rows.entries()) {
    const row = made.data.subarray(y * stride, (y + 1) * stride)
    for (let at = 0; at < stride; at++) row[at] = beyond * fill[at & 3]!
    for (const [n, weight] of weights.entries()) {
      const from = (start + n) * stride
      for (let at = 0; at < stride; at++) row[at]! += weight * data[from + at]!
    }
    for (let at = 0; at < stride; at += 4) put(row, at, row[at]!, row[at + 1]!, row[at + 2]!, row[at + 3]!)
  }
  return made
}

/** Ringing is clamped: alpha to 0…1, colours to 0…alpha. */
function put(data: Float32Array, place: number, red: number, green: number, blue: number, alpha: number): void {
  const most = Math.min(1, Math.max(0, alpha))
  data[place] = Math.min(most, Math.max(0, red))
  data[place + 1] = Math.min(most, Math.max(0, green))
  data[place + 2] = Math.min(most, Math.max(0, blue))
  data[place + 3] = most
}

function turned(
  picture: Raster,
  { width, height }: Canvas,
  { turn, right, down }: { readonly turn: number; readonly right: number; readonly down: number },
  fill: Fill,
): Raster {
  const made = raster(width, height)
  const [cosine, sine] = polar(1, turn)
  const across = new Float64Array(4)
  const along = new Float64Array(4)
  for (let y = 0; y < height; y++) {
    const v = y + 0.5 - height / 2 - down
    for (let x = 0; x < width; x++) {
      const u = x + 0.5 - width / 2 - right
      const sourceX = cosine * u + sine * v + picture.width / 2 - 0.5
      const sourceY = cosine * v - sine * u + picture.height / 2 - 0.5
      const left = Math.floor(sourceX + 1e-6) - 1
      const top = Math.floor(sourceY + 1e-6) - 1
      for (let n = 0; n < 4; n++) {
        across[n] = bicubic(sourceX - left - n)
        along[n] = bicubic(sourceY - top - n)
      }
      blend(made.data, 4 * (y * width + x), picture, { left, top, across, along }, fill)
    }
  }
  return made
}

interface Square {
  readonly left: number
  readonly top: number
  readonly across: Float64Array
  readonly along: Float64Array
}

/** 4 × 4 pixels, weighed. */
function blend(
  data: Float32Array,
  place: number,
  picture: Raster,
  { left, top, across, along }: Square,
  fill: Fill,
): void {
  const { width, height } = picture
  if (left > width || top > height || left < -4 || top < -4) {
    put(data, place, ...fill)
    return
  }
  let red = 0
  let green = 0
  let blue = 0
  let alpha = 0
  for (let row = 0; row < 4; row++) {
    for (let column = 0; column < 4; column++) {
      const weight = across[column]! * along[row]!
      const isInside = left + column >= 0 && top + row >= 0 && left + column < width && top + row < height
      const from = isInside ? picture.data : fill
      const at = isInside ? 4 * ((top + row) * width + left + column) : 0
      red += weight * from[at]!
      green += weight * from[at + 1]!
      blue += weight * from[at + 2]!
      alpha += weight * from[at + 3]!
    }
  }
  put(data, place, red, green, blue, alpha)
}
