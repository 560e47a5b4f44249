import type { DiffusionModel } from '../diffusion/model.ts'
import { meanSquare } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'

/**
 * How badly a model's autoencoder draws a picture again: the root mean square in −1…1. What it never saw it draws worse.
 *
 * @param pixels [3, side, side] in −1…1
 */
export async function autoencoderError(model: DiffusionModel, pixels: Tensor): Promise<number> {
  const again = await model.decodeLatents(await model.encodePicture(pixels))
  return Math.sqrt(meanSquare(pixels, again))
}
