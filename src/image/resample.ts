import type { Tensor } from '../tensor/tensor.ts'

/** Interleaved RGB bytes, row by row. */
interface RgbBytes {
  readonly width: number
  readonly height: number
  readonly data: Uint8Array
}

/**
 * pixels [3, height, width] in −1…1 → bytes; values beyond are clamped.
 * @throws RangeError if a pixel is not a finite number
 */
export function toRgbBytes({ dims, data }: Tensor): RgbBytes {
  const [, height, width] = dims as [number, number, number]
  const area = height * width
  const rgb = new Uint8ClampedArray(3 * area)
  for (let index = 0; index < data.length; index++) {
    const value = data[index]!
    if (!Number.isFinite(value)) throw new RangeError(`Expected every pixel to be finite, got ${value} at ${index}`)
    rgb[(index % area) * 3 + Math.floor(index / area)] = (value + 1) * 127.5
  }
  return { width, height, data: new Uint8Array(rgb.buffer) }
}

/**
 * Bicubic (a = −½), with a wider kernel for reduction, along the rows and then the columns: byte for byte what Pillow
 * makes. For tall pictures Pillow 13 does the columns first, which may show in the last bit.
 */
export function resample(image: RgbBytes, width: number, height: number): RgbBytes {
  const wide = image.width === width ? image : resampleRows(image, width)
  return wide.height === height ? wide : turned(resampleRows(turned(wide), height))
}

interface Window {
  readonly start: number
  readonly weights: readonly number[]
}

/** Weights are whole multiples of this, as in Pillow. */
const UNIT = 2 ** -22
const SUPPORT = 2

function resampleRows({ width: from, height, data }: RgbBytes, width: number): RgbBytes {
  const windows = Array.from({ length: width }, (_, at) => windowOf(at, from, width))
  const made = new Uint8ClampedArray(3 * width * height)
  for (let y = 0; y < height; y++) {
    for (const [x, { start, weights }] of windows.entries()) {
      for (let channel = 0; channel < 3; channel++) {
        let place = 3 * (y * from + start) + channel
        let sum = 0
        for (const weight of weights) {
          sum += weight * data[place]!
          place += 3
        }
        made[3 * (y * width + x) + channel] = Math.floor(sum * UNIT + 0.5)
      }
    }
  }
  return { width, height, data: new Uint8Array(made.buffer) }
}

function windowOf(at: number, from: number, to: number): Window {
  const scale = from / to
  const spread = Math.max(1, scale)
  const centre = (at + 0.5) * scale
  const start = Math.max(0, Math.floor(centre - SUPPORT * spread + 0.5))
  const end = Math.min(from, Math.floor(centre + SUPPORT * spread + 0.5))
  const values = Array.from({ length: end - start }, (_, n) => bicubic((start + n - centre + 0.5) / spread))
  const total = values.reduce((sum, value) => sum + value, 0)
  return { start, weights: values.map((value) => Math.round(value / total / UNIT)) }
}

function bicubic(distance: number): number {
  const x = Math.abs(distance)
  if (x < 1) return 1.5 * x ** 3 - 2.5 * x ** 2 + 1
  return x < 2 ? -0.5 * (x ** 3 - 5 * x ** 2 + 8 * x - 4) : 0
}

/** Rows become columns. */
function turned({ width, height, data }: RgbBytes): RgbBytes {
  const made = new Uint8Array(data.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        made[3 * (x * height + y) + channel] = data[3 * (y * width + x) + channel]!
      }
    }
  }
  return { width: height, height: width, data: made }
}
