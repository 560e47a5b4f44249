import type { Size } from './enlarge.ts'

/** The mean of each pixel and its neighbours up to `radius` away; at the edges, of those that exist. */
export function nearMeans(values: Float32Array, { width, height }: Size, radius: number): Float32Array {
  const across = new Float32Array(values.length)
  const means = new Float32Array(values.length)
  for (let y = 0; y < height; y++) meansOfLine(values, across, { from: y * width, step: 1, length: width }, radius)
  for (let x = 0; x < width; x++) meansOfLine(across, means, { from: x, step: width, length: height }, radius)
  return means
}

interface Line {
  readonly from: number
  readonly step: number
  readonly length: number
}

function meansOfLine(values: Float32Array, means: Float32Array, { from, step, length }: Line, radius: number): void {
  for (let at = 0; at < length; at++) {
    const [first, last] = [Math.max(0, at - radius), Math.min(length - 1, at + radius)]
    let sum = 0
    for (let near = first; near <= last; near++) sum += values[from + near * step]!
    means[from + at * step] = sum / (last - first + 1)
  }
}
