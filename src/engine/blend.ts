import { type Tensor, tensor } from '../tensor/tensor.ts'

/** A rectangle in pixels. */
export interface Area {
  readonly left: number
  readonly top: number
  readonly width: number
  readonly height: number
}

/**
 * Where a picture was changed: for each pixel the largest change of a channel, averaged over 3 × 3, on a ramp that
 * begins above the autoencoder's own error.
 *
 * @param made and `rebuilt`: [3, height, width] in −1…1, the changed and the unchanged latents decoded.
 * @param error The root mean square of the autoencoder's error on the picture.
 * @returns [height, width] in 0…1
 */
export function changeMask(made: Tensor, rebuilt: Tensor, error: number): Tensor {
  const [, height, width] = made.dims as [number, number, number]
  const area = height * width
  const change = new Float32Array(area)
  for (let index = 0; index < made.data.length; index++) {
    const difference = Math.abs(made.data[index]! - rebuilt.data[index]!)
    const pixel = index % area
    if (difference > change[pixel]!) change[pixel] = difference
  }
  const from = Math.min(MOST_IGNORED, RAMP.from * error)
  const to = from * (RAMP.to / RAMP.from)
  const soft = nearMeans(change, width, height)
  return tensor(
    [height, width],
    soft.map((value) => Math.min(1, Math.max(0, (value - from) / (to - from)))),
  )
}

/** In multiples of the autoencoder's error. */
const RAMP = { from: 1.2, to: 3 }
/** A larger change than this is visible, however bad the autoencoder is. */
const MOST_IGNORED = 0.2

/**
 * The original where the mask is 0, what was made where it is 1, at the original's resolution.
 *
 * @param original [3, height, width], of any size.
 * @param made [3, h, w]; `mask`: [h, w]. Their part `area` shows the original.
 */
export function blend(original: Tensor, made: Tensor, mask: Tensor, area: Area): Tensor {
  const [, height, width] = original.dims as [number, number, number]
  const [, madeHeight, madeWidth] = made.dims as [number, number, number]
  const out = tensor(original.dims, Float32Array.from(original.data))
  const columns = samplePoints(width, area.left, area.width, madeWidth)
  const rows = samplePoints(height, area.top, area.height, madeHeight)
  const sizes = { plane: madeHeight * madeWidth, width: madeWidth }
  for (const [y, row] of rows.entries()) {
    for (const [x, column] of columns.entries()) {
      const weight = at(mask.data, 0, row, column, sizes.width)
      if (weight === 0) continue
      for (let channel = 0; channel < 3; channel++) {
        const place = (channel * height + y) * width + x
        const value = at(made.data, channel * sizes.plane, row, column, sizes.width)
        out.data[place]! += weight * (value - out.data[place]!)
      }
    }
  }
  return out
}

/** The same for pictures of one size. */
export function blendWhole(original: Tensor, made: Tensor, mask: Tensor): Tensor {
  const [, height, width] = made.dims as [number, number, number]
  return blend(original, made, mask, { left: 0, top: 0, width, height })
}

/** Two neighbours, and the fraction of the way from the first to the second. */
interface SamplePoint {
  readonly first: number
  readonly second: number
  readonly share: number
}

/** For each of `count` pixels, its position in the part `from`, `length` of a line of `total`. */
function samplePoints(count: number, from: number, length: number, total: number): SamplePoint[] {
  return Array.from({ length: count }, (_, index) => {
    const place = from + ((index + 0.5) * length) / count - 0.5
    const inside = Math.min(Math.max(place, Math.max(0, from)), Math.min(total, from + length) - 1)
    const first = Math.floor(inside)
    return { first, second: Math.min(first + 1, total - 1), share: inside - first }
  })
}

/** Bilinear. */
function at(data: Float32Array, offset: number, row: SamplePoint, column: SamplePoint, width: number): number {
  const line = (y: number) => {
    const [left, right] = [data[offset + y * width + column.first]!, data[offset + y * width + column.second]!]
    return left + column.share * (right - left)
  }
  const above = line(row.first)
  return row.share === 0 ? above : above + row.share * (line(row.second) - above)
}

/** The mean of each pixel and its neighbours; at the edges, of those that exist. */
function nearMeans(values: Float32Array, width: number, height: number): Float32Array {
  const means = new Float32Array(values.length)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let [sum, count] = [0, 0]
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          sum += values[v * width + u]!
          count++
        }
      }
      means[y * width + x] = sum / count
    }
  }
  return means
}
