/** RGBA, interleaved, row by row, 0…1; colours are multiplied by alpha. */
export interface Raster {
  readonly width: number
  readonly height: number
  readonly data: Float32Array
}

/** 0…1 each. */
export type Rgb = readonly [number, number, number]

export const white: Rgb = [1, 1, 1]

export function raster(width: number, height: number): Raster {
  return { width, height, data: new Float32Array(4 * width * height) }
}

/** @param data Interleaved RGBA bytes, colours not multiplied by alpha. */
export function fromBytes({ width, height, data }: { width: number; height: number; data: Uint8Array }): Raster {
  const made = raster(width, height)
  for (let place = 0; place < data.length; place += 4) {
    const alpha = data[place + 3]! / 255
    for (let channel = 0; channel < 3; channel++) made.data[place + channel] = (data[place + channel]! / 255) * alpha
    made.data[place + 3] = alpha
  }
  return made
}

export function toBytes({ width, height, data }: Raster): { width: number; height: number; data: Uint8Array } {
  const bytes = new Uint8ClampedArray(data.length)
  for (let place = 0; place < data.length; place += 4) {
    const alpha = data[place + 3]!
    const scale = alpha > 0 ? 255 / alpha : 0
    for (let channel = 0; channel < 3; channel++) bytes[place + channel] = data[place + channel]! * scale
    bytes[place + 3] = alpha * 255
  }
  return { width, height, data: new Uint8Array(bytes.buffer) }
}

/** Over a colour: opaque. */
export function over({ width, height, data }: Raster, colour: Rgb): Raster {
  const made = raster(width, height)
  for (let place = 0; place < data.length; place += 4) {
    const clear = 1 - data[place + 3]!
    for (let channel = 0; channel < 3; channel++) {
      made.data[place + channel] = data[place + channel]! + clear * colour[channel]!
    }
    made.data[place + 3] = 1
  }
  return made
}

export function isOpaque({ data }: Raster): boolean {
  for (let place = 3; place < data.length; place += 4) if (data[place]! < 0.996) return false
  return true
}

/** Every pixel's colour, not multiplied by alpha, becomes another's; alpha stays. `change` writes into what it is given. */
export function recoloured({ width, height, data }: Raster, change: (colour: Float64Array) => void): Raster {
  const made = raster(width, height)
  const colour = new Float64Array(3)
  for (let place = 0; place < data.length; place += 4) {
    const alpha = data[place + 3]!
    if (alpha === 0) continue
    for (let channel = 0; channel < 3; channel++) colour[channel] = data[place + channel]! / alpha
    change(colour)
    for (let channel = 0; channel < 3; channel++) {
      made.data[place + channel] = Math.min(1, Math.max(0, colour[channel]!)) * alpha
    }
    made.data[place + 3] = alpha
  }
  return made
}

/** Root mean square difference of the colours, 0…1. Both opaque and of one size. */
export function distance(one: Raster, other: Raster): number {
  let sum = 0
  for (let place = 0; place < one.data.length; place++) sum += (one.data[place]! - other.data[place]!) ** 2
  return Math.sqrt((sum / one.data.length) * (4 / 3))
}

export const mix = (from: Rgb, to: Rgb, share: number): Rgb => [
  from[0] + (to[0] - from[0]) * share,
  from[1] + (to[1] - from[1]) * share,
  from[2] + (to[2] - from[2]) * share,
]

/** The largest difference of a channel. */
export const apart = (one: Rgb, other: Rgb): number => Math.max(...one.map((value, at) => Math.abs(value - other[at]!)))
