import type { Sampling } from '../diffusion/model.ts'
import { tensor } from '../tensor/tensor.ts'
import type { ModelLayout } from './layout.ts'

/** How a few-step model is to be sampled, from its manifest or else its scheduler. */
export function samplingOf({ manifest, scheduler }: Pick<ModelLayout, 'manifest' | 'scheduler'>): Sampling | undefined {
  const said = manifest?.sampling
  if (said) return { steps: said.steps, guidanceScale: said.guidanceScale }
  return scheduler._class_name === 'LCMScheduler' ? CONSISTENCY : undefined
}

/**
 * A consistency model has no classifier-free guidance: what it learned about guidance is an input, or fixed in the
 * network.
 */
const CONSISTENCY: Sampling = { steps: 4, guidanceScale: 1 }

/**
 * The guidance input of a consistency model: w − 1, as sines and cosines [1, width] (§4.1 of arXiv 2310.04378). It is
 * the same in learning, inverting and sampling, so a difference is applied as it was learned.
 */
export function embeddedGuidance({ manifest }: ModelLayout, width: number) {
  const scale = manifest?.sampling?.embeddedGuidance ?? USUAL_GUIDANCE
  const half = width >> 1
  const embedding = tensor([1, width])
  const { exp, fround, log } = Math
  const rate = fround(-log(10000) / (half - 1))
  for (let index = 0; index < half; index++) {
    // In float32 as in PyTorch: the thousandfold makes a rounding of the factor visible.
    const angle = fround(fround(1000 * (scale - 1)) * fround(exp(fround(rate * index))))
    embedding.data[index] = Math.sin(angle)
    embedding.data[half + index] = Math.cos(angle)
  }
  return embedding
}

/** The default in diffusers for such models. */
const USUAL_GUIDANCE = 8.5
