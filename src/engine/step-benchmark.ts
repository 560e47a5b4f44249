import { median, repeat } from '../tensor/math.ts'
import type { Random } from '../tensor/random.ts'
import { sizeOf, tensor } from '../tensor/tensor.ts'
import type { Denoising, LossTerms, Networks } from './networks.ts'
import { repeatConditioning } from './sampler.ts'

/**
 * Medians in milliseconds of one forward run of the denoising network and of one with its gradient, on the same batch,
 * taken in turn. The first runs, which open the sessions, are not counted.
 */
export async function measureStep(
  networks: Networks,
  repeats: number,
  { random, signal }: { readonly random: Random; readonly signal?: AbortSignal },
): Promise<{ forwardMs: number; stepMs: number; ratio: number }> {
  const { learningBatch: n, latentDims } = networks
  const latents = random.normal([n, ...latentDims])
  const ask: Denoising & LossTerms = {
    latents,
    timesteps: Array<number>(n).fill(500),
    conditioning: repeatConditioning(await networks.encodePrompt(''), n),
    target: repeat(random.normal([1, ...latentDims]), n),
    weight: tensor(latents.dims, new Float32Array(sizeOf(latents.dims)).fill(1 / sizeOf(latents.dims))),
  }
  const forward: number[] = []
  const step: number[] = []
  for (let round = -1; round < repeats; round++) {
    signal?.throwIfAborted()
    const times = [
      await milliseconds(() => networks.denoise(ask)),
      await milliseconds(() => networks.denoisingGradient(ask)),
    ]
    if (round < 0) continue
    forward.push(times[0]!)
    step.push(times[1]!)
  }
  const [forwardMs, stepMs] = [median(forward), median(step)]
  return { forwardMs, stepMs, ratio: stepMs / forwardMs }
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now()
  await work()
  return performance.now() - start
}
