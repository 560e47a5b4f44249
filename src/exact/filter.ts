import { type Raster, raster } from './raster.ts'

/** Lengths are parts of the picture's longest side. */
export type Filter =
  /** Gaussian. */
  | { readonly kind: 'blur'; readonly sigma: number }
  /** Unsharp mask: `amount` times what a blur takes away is added. */
  | { readonly kind: 'sharpen'; readonly sigma: number; readonly amount: number }
  /** `across` squares along the longest side. */
  | { readonly kind: 'pixels'; readonly across: number }

/** @param strength 0 leaves the picture as it is. Squares have no half: they are there from 0.5 on. */
export function filtered(picture: Raster, filter: Filter, strength = 1): Raster {
  const longest = Math.max(picture.width, picture.height)
  switch (filter.kind) {
    case 'blur':
      return strength > 0 ? blurred(picture, filter.sigma * longest * strength) : picture
    case 'sharpen':
      return sharpened(picture, filter.sigma * longest, filter.amount * strength)
    case 'pixels':
      return strength >= 0.5 ? squares(picture, filter.across / longest) : picture
  }
}

/** Three boxes, whose ends may count in part, are a Gaussian within some percent. Edges are repeated. */
export function blurred(picture: Raster, sigma: number): Raster {
  if (sigma < 0.05) return picture
  const radius = Math.sqrt(sigma ** 2 + 0.25) - 0.5
  let { data } = picture
  const { width, height } = picture
  for (let round = 0; round < 3; round++) {
    data = boxes(data, { lines: height, stride: 4 * width, length: width, step: 4 }, radius)
    data = boxes(data, { lines: width, stride: 4, length: height, step: 4 * width }, radius)
  }
  return { width, height, data }
}

interface Lines {
  readonly lines: number
  readonly stride: number
  readonly length: number
  readonly step: number
}

function boxes(data: Float32Array, { lines, stride, length, step }: Lines, radius: number): Float32Array {
  const made = new Float32Array(data.length)
  const whole = Math.floor(radius)
  const part = radius - whole
  const size = 2 * radius + 1
  for (let line = 0; line < lines; line++) {
    for (let channel = 0; channel < 4; channel++) {
      const start = line * stride + channel
      const end = start + (length - 1) * step
      let sum = 0
      for (let n = -whole; n <= whole; n++) sum += data[Math.min(end, Math.max(start, start + n * step))]!
      for (let place = start; place <= end; place += step) {
        const before = data[Math.max(start, place - (whole + 1) * step)]!
        const beyond = data[Math.min(end, place + (whole + 1) * step)]!
        made[place] = (sum + part * (before + beyond)) / size
        sum += beyond - data[Math.max(start, place - whole * step)]!
      }
    }
  }
  return made
}

function sharpened(picture: Raster, sigma: number, amount: number): Raster {
  const soft = blurred(picture, sigma)
  const data = picture.data.map((value, at) => Math.min(1, Math.max(0, value + amount * (value - soft.data[at]!))))
  for (let place = 3; place < data.length; place += 4) data[place] = picture.data[place]!
  return { ...picture, data }
}

function squares(picture: Raster, scale: number): Raster {
  const width = Math.max(1, Math.round(picture.width * scale))
  const height = Math.max(1, Math.round(picture.height * scale))
  const small = means(picture, width, height)
  const made = raster(picture.width, picture.height)
  for (let y = 0; y < made.height; y++) {
    const row = Math.min(height - 1, Math.floor(((y + 0.5) * height) / made.height))
    for (let x = 0; x < made.width; x++) {
      const from = 4 * (row * width + Math.min(width - 1, Math.floor(((x + 0.5) * width) / made.width)))
      made.data.set(small.data.subarray(from, from + 4), 4 * (y * made.width + x))
    }
  }
  return made
}

/** The mean of every square's pixels. */
function means(picture: Raster, width: number, height: number): Raster {
  const made = raster(width, height)
  const counts = new Float64Array(width * height)
  for (let y = 0; y < picture.height; y++) {
    const row = Math.floor(((y + 0.5) * height) / picture.height)
    for (let x = 0; x < picture.width; x++) {
      const place = row * width + Math.floor(((x + 0.5) * width) / picture.width)
      counts[place]!++
      for (let channel = 0; channel < 4; channel++) {
        made.data[4 * place + channel]! += picture.data[4 * (y * picture.width + x) + channel]!
      }
    }
  }
  for (let at = 0; at < made.data.length; at++) made.data[at]! /= Math.max(1, counts[at >> 2]!)
  return made
}
