import { type Tensor, tensor } from '../tensor/tensor.ts'

export interface Size {
  readonly width: number
  readonly height: number
}

/** A rectangle in pixels. */
export interface Area extends Size {
  readonly left: number
  readonly top: number
}

/** `linear`: two neighbours along each axis. `cubic`: four (a = −½). */
type Kernel = 'linear' | 'cubic'

/**
 * A part of a picture at a larger size.
 *
 * @param picture [height, width] or [channels, height, width].
 * @param area Its part; nothing beyond it is used.
 * @returns the same number of channels, `size` pixels each
 */
export function enlarge({ dims, data }: Tensor, area: Area, size: Size, kernel: Kernel): Tensor {
  const [height, width] = dims.slice(-2) as [number, number]
  const channels = dims.length === 3 ? dims[0]! : 1
  const out = tensor([...dims.slice(0, -2), size.height, size.width])
  const columns = tapsOf(size.width, area.left, area.width, kernel)
  const rows = tapsOf(size.height, area.top, area.height, kernel)
  const line = new Float32Array(width)
  for (let y = 0; y < channels * size.height; y++) {
    const plane = Math.floor(y / size.height) * height * width
    line.fill(0)
    for (const [place, weight] of rows[y % size.height]!) {
      for (let x = 0; x < width; x++) line[x]! += weight * data[plane + place * width + x]!
    }
    for (let x = 0; x < size.width; x++) {
      let value = 0
      for (const [place, weight] of columns[x]!) value += weight * line[place]!
      out.data[y * size.width + x] = value
    }
  }
  return out
}

type Tap = readonly [place: number, weight: number]

/** For each of `count` pixels, the places in the part `from`, `length` of a line that it is made of. */
function tapsOf(count: number, from: number, length: number, kernel: Kernel): readonly (readonly Tap[])[] {
  const [reach, weigh] = kernel === 'linear' ? [1, linear] : [2, cubic]
  return Array.from({ length: count }, (_, index) => {
    const centre = from + ((index + 0.5) * length) / count - 0.5
    const first = Math.floor(centre) - reach + 1
    const taps: Tap[] = []
    for (let place = first; place < first + 2 * reach; place++) {
      const weight = weigh(Math.abs(place - centre))
      if (weight !== 0) taps.push([Math.min(Math.max(place, from), from + length - 1), weight])
    }
    return taps
  })
}

const linear = (distance: number) => 1 - distance

function cubic(x: number): number {
  return x < 1 ? (1.5 * x - 2.5) * x * x + 1 : ((-0.5 * x + 2.5) * x - 4) * x + 2
}
