import { type Tensor, tensor } from '../tensor/tensor.ts'
import { nearMeans } from './near-means.ts'

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
  const soft = nearMeans(change, { width, height }, 1)
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
 * The original where the mask is 0, what was made where it is 1.
 *
 * @param original and `made`: [3, height, width]; `mask`: [height, width].
 */
export function blend(original: Tensor, made: Tensor, mask: Tensor): Tensor {
  const out = tensor(original.dims, Float32Array.from(original.data))
  for (let index = 0; index < out.data.length; index++) {
    const weight = mask.data[index % mask.data.length]!
    if (weight !== 0) out.data[index]! += weight * (made.data[index]! - out.data[index]!)
  }
  return out
}
