import { concatenate, scale, unit } from '../../src/tensor/math.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

const kept = new WeakMap<Tensor, Tensor>()

/**
 * What a picture looks like, without any network, so that no grade comes from what a model was trained with: of 8 × 8 parts the
 * histogram of gradient directions (as HOG has it), and of 4 × 4 parts the colours' means and deviations. Unit length.
 */
export function describe(picture: Tensor): Tensor {
  const found = kept.get(picture)
  if (found) return found
  const made = unit(concatenate([scale(unit(gradients(picture)), SHAPE), unit(colours(picture))]))
  kept.set(picture, made)
  return made
}

/** Weight of the shape beside the colours. */
const SHAPE = 0.8
const PARTS = 8
const DIRECTIONS = 9

function gradients({ dims, data }: Tensor): Tensor {
  const side = dims[1]!
  const plane = side * side
  const grey = Float32Array.from({ length: plane }, (_, at) => data[at]! + data[plane + at]! + data[2 * plane + at]!)
  const sums = tensor([PARTS * PARTS * DIRECTIONS])
  for (let y = 1; y < side - 1; y++) {
    for (let x = 1; x < side - 1; x++) {
      const at = y * side + x
      const [dx, dy] = [grey[at + 1]! - grey[at - 1]!, grey[at + side]! - grey[at - side]!]
      const angle = (Math.atan2(dy, dx) / Math.PI + 1) % 1
      const part = Math.floor((y * PARTS) / side) * PARTS + Math.floor((x * PARTS) / side)
      const direction = Math.min(DIRECTIONS - 1, Math.floor(angle * DIRECTIONS))
      sums.data[part * DIRECTIONS + direction]! += Math.hypot(dx, dy)
    }
  }
  return tensor(
    sums.dims,
    sums.data.map((value) => Math.sqrt(value)),
  )
}

const BLOCKS = 4

function colours({ dims, data }: Tensor): Tensor {
  const side = dims[1]!
  const plane = side * side
  const sums = new Float64Array(BLOCKS * BLOCKS * 3)
  const squares = new Float64Array(sums.length)
  for (let index = 0; index < 3 * plane; index++) {
    const pixel = index % plane
    const [y, x] = [Math.floor(pixel / side), pixel % side]
    const block = Math.floor((y * BLOCKS) / side) * BLOCKS + Math.floor((x * BLOCKS) / side)
    const at = block * 3 + Math.floor(index / plane)
    sums[at]! += data[index]!
    squares[at]! += data[index]! ** 2
  }
  const count = plane / BLOCKS / BLOCKS
  const means = Float32Array.from(sums, (sum) => sum / count)
  const deviations = Float32Array.from(squares, (square, at) =>
    Math.sqrt(Math.max(0, square / count - means[at]! ** 2)),
  )
  return concatenate([tensor([means.length], means), tensor([deviations.length], deviations)])
}
