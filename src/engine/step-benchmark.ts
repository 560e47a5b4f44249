import type { Denoising, DiffusionModel, LossTerms } from '../diffusion/model.ts'
import { repeatConditioning } from '../diffusion/sampler.ts'
import { median, repeat } from '../tensor/math.ts'
import { sizeOf, tensor } from '../tensor/tensor.ts'
import type { RunContext } from './run-context.ts'

/**
 * Medians in milliseconds of one forward run of the denoising network and of one with its gradient, on the same batch.
 * The first run of each, which opens its session, is not counted among them: `openMs` is by how much both were longer.
 */
export async function measureStep(
  model: DiffusionModel,
  repeats: number,
  { random, signal, onProgress }: RunContext,
): Promise<{ forwardMs: number; stepMs: number; ratio: number; openMs: number }> {
  const { learningBatch: n, latentDims } = model
  const latents = random.normal([n, ...latentDims])
  const ask: Denoising & LossTerms = {
    latents,
    timesteps: Array<number>(n).fill(500),
    conditioning: repeatConditioning(await model.encodePrompt(''), n),
    target: repeat(random.normal([1, ...latentDims]), n),
    weight: tensor(latents.dims, new Float32Array(sizeOf(latents.dims)).fill(1 / sizeOf(latents.dims))),
  }
  let run = 0
  const times = async (work: () => Promise<unknown>) => {
    const found: number[] = []
    for (let round = 0; round <= repeats; round++) {
      signal?.throwIfAborted()
      found.push(await milliseconds(work))
      await onProgress?.('learn', ++run, 2 * (repeats + 1))
    }
    return found
  }
  const forward = await times(() => model.denoise(ask))
  const step = await times(() => model.denoisingGradient(ask))
  const [forwardMs, stepMs] = [forward, step].map(([, ...others]) => median(others)) as [number, number]
  const openMs = Math.max(0, forward[0]! - forwardMs) + Math.max(0, step[0]! - stepMs)
  return { forwardMs, stepMs, ratio: stepMs / forwardMs, openMs }
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
