import { type Tensor, tensor } from '../tensor/tensor.ts'
import { type Area, enlarge } from './enlarge.ts'
import { nearMeans } from './near-means.ts'

/**
 * What was made of a picture, at the picture's own size, with the picture's edges: a guided filter (He, Sun and Tang, PAMI
 * 2013; its fast form arXiv 1505.00996). Around each pixel, made ≈ A·picture + c, by least squares over 5 × 5 pixels of
 * the small pictures; A and c, enlarged, are applied to the large picture. Where that does not explain what was made,
 * because edges are new or gone, it is enlarged by bicubic interpolation as if there were no guide.
 *
 * @param made and `small`: [3, h, w] in −1…1, what was made of the picture and the picture. Their part `area` shows it.
 * @param guide [3, height, width], the picture at its own size.
 * @returns [3, height, width]
 */
export function enlargeGuided(made: Tensor, small: Tensor, guide: Tensor, area: Area): Tensor {
  const [, height, width] = guide.dims as [number, number, number]
  const size = { width, height }
  const plain = enlarge(made, area, size, 'cubic')
  if (Math.min(width / area.width, height / area.height) < MUCH) return plain
  const { slopes, offsets, trust } = localModels(made, small)
  const trusted = enlarge(trust, area, size, 'linear').data
  const guided = enlarge(offsets, area, size, 'linear').data
  const pixels = width * height
  for (const [channel, slope] of slopes.entries()) {
    const large = enlarge(slope, area, size, 'linear').data
    const from = channel * pixels
    for (let at = 0; at < 3 * pixels; at++) guided[from + (at % pixels)]! += large[at]! * guide.data[at]!
  }
  for (let at = 0; at < plain.data.length; at++) {
    plain.data[at]! += trusted[at % pixels]! * (guided[at]! - plain.data[at]!)
  }
  return plain
}

/** From this enlargement on: below it, the detail that the model made is worth more than the picture's edges. */
const MUCH = 4
/** Pixels around the middle one. */
const RADIUS = 2
/** Variance of the picture's colours, in −1…1, below which it counts as even. */
const EVEN = 0.004
/** A root mean square error of the models, in −1…1 over three channels, that makes them worth little. */
const DOUBTFUL = 0.16

interface LocalModels {
  /** Of each channel that was made: [3, h, w], by the picture's channels. */
  readonly slopes: readonly Tensor[]
  /** [3, h, w] */
  readonly offsets: Tensor
  /** [h, w] in 0…1: how well what was made is explained. */
  readonly trust: Tensor
}

function localModels(made: Tensor, small: Tensor): LocalModels {
  const [, height, width] = small.dims as [number, number, number]
  const size = { width, height }
  const guides = planesOf(small)
  const means = guides.map((guide) => nearMeans(guide, size, RADIUS))
  const covariance = (one: Float32Array, itsMean: Float32Array, at: number) =>
    nearMeans(
      one.map((value, index) => value * guides[at]![index]!),
      size,
      RADIUS,
    ).map((value, index) => value - itsMean[index]! * means[at]![index]!)
  const among = guides.map((guide, i) => guides.map((_, j) => covariance(guide, means[i]!, j)))
  const slopes = guides.map(() => tensor(made.dims))
  const offsets = tensor(made.dims)
  const errors = new Float32Array(width * height)
  for (const [channel, plane] of planesOf(made).entries()) {
    const mean = nearMeans(plane, size, RADIUS)
    const along = guides.map((_, i) => covariance(plane, mean, i))
    const slope = planesOf(slopes[channel]!)
    const offset = planesOf(offsets)[channel]!
    for (let at = 0; at < offset.length; at++) {
      const matrix = among.map((row, i) => row.map((value, j) => value[at]! + (i === j ? EVEN : 0)))
      const solved = solve(
        matrix,
        along.map((value) => value[at]!),
      )
      for (const [i, value] of solved.entries()) slope[i]![at] = value
      offset[at] = mean[at]! - solved.reduce((sum, value, i) => sum + value * means[i]![at]!, 0)
    }
    for (const values of [...slope, offset]) values.set(nearMeans(values, size, RADIUS))
    for (let at = 0; at < errors.length; at++) {
      const explained = guides.reduce((sum, guide, i) => sum + slope[i]![at]! * guide[at]!, offset[at]!)
      errors[at]! += (plane[at]! - explained) ** 2
    }
  }
  const trust = nearMeans(errors, size, 1).map((error) => Math.exp(-error / DOUBTFUL ** 2))
  return { slopes, offsets, trust: tensor([height, width], trust) }
}

/** Views of the channels. */
function planesOf({ dims, data }: Tensor): Float32Array[] {
  const area = dims[1]! * dims[2]!
  return Array.from({ length: dims[0]! }, (_, channel) => data.subarray(channel * area, (channel + 1) * area))
}

/** x with matrix · x = values, by Cramer's rule. The matrix is symmetric and positive, 3 × 3. */
function solve(matrix: readonly (readonly number[])[], values: readonly number[]): number[] {
  const [first, second, third] = matrix as [number[], number[], number[]]
  const whole = determinant(first, second, third)
  return [
    determinant(values, second, third) / whole,
    determinant(first, values, third) / whole,
    determinant(first, second, values) / whole,
  ]
}

const determinant = (one: readonly number[], two: readonly number[], three: readonly number[]): number =>
  one[0]! * (two[1]! * three[2]! - two[2]! * three[1]!) -
  one[1]! * (two[0]! * three[2]! - two[2]! * three[0]!) +
  one[2]! * (two[0]! * three[1]! - two[1]! * three[0]!)
