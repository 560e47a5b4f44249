import { type Tensor, tensor } from '../tensor/tensor.ts'

/**
 * L_CLIP = 1 − cos(embedding, delta), arXiv 2506.07750, and its gradient with respect to `embedding`. The loss is in
 * [0, 2]. A vector of length 0 has no direction: its loss is 1 and its gradient 0.
 */
export function clipLoss(embedding: Tensor, delta: Tensor): { loss: number; gradient: Tensor } {
  const [length, other] = [norm(embedding), norm(delta)]
  if (length === 0 || other === 0) return { loss: 1, gradient: tensor(embedding.dims) }
  const cosine = dot(embedding, delta) / (length * other)
  const gradient = embedding.data.map(
    (value, index) => ((cosine * value) / length - delta.data[index]! / other) / length,
  )
  return { loss: 1 - cosine, gradient: tensor(embedding.dims, gradient) }
}

/**
 * Δ = [sin((1−α)θ)·Δ_image + sin(αθ)·Δ_text] / sin θ, where θ is their angle, arXiv 2506.07750. Both deltas are
 * differences of unit embeddings. `alpha`: 0 (the image's) to 1 (the text's). For parallel, opposite or zero vectors it
 * is the limit for small angles, (1−α)·Δ_image + α·Δ_text.
 */
export function deltaInterpolation(deltaImage: Tensor, deltaText: Tensor, alpha: number): Tensor {
  const lengths = norm(deltaImage) * norm(deltaText)
  const cosine = lengths === 0 ? 1 : dot(deltaImage, deltaText) / lengths
  const angle = Math.acos(Math.min(Math.max(cosine, -1), 1))
  const [image, text] =
    Math.sin(angle) < SMALL_ANGLE
      ? [1 - alpha, alpha]
      : [Math.sin((1 - alpha) * angle) / Math.sin(angle), Math.sin(alpha * angle) / Math.sin(angle)]
  return tensor(
    deltaImage.dims,
    deltaImage.data.map((value, index) => image * value + text * deltaText.data[index]!),
  )
}

/** Below this the formula and its limit are equal in float32. */
const SMALL_ANGLE = 1e-4

function dot(first: Tensor, second: Tensor): number {
  if (first.data.length !== second.data.length)
    throw new RangeError(`Expected vectors of one length, got [${first.dims}] and [${second.dims}]`)
  return first.data.reduce((sum, value, index) => sum + value * second.data[index]!, 0)
}

const norm = (vector: Tensor): number => Math.sqrt(dot(vector, vector))
