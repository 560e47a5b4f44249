import { join } from 'node:path'
import type { Conditioning, Denoising, LossTerms } from '../engine/networks.ts'
import type { Feeds } from '../onnx/session.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { openDifferentiable } from './differentiable.ts'

export interface DenoisingNetwork {
  denoise(ask: Denoising): Promise<Tensor>
  denoisingGradient(
    ask: Denoising & LossTerms,
  ): Promise<{ readonly loss: readonly number[]; readonly gradient: Conditioning }>
  close(): Promise<void>
}

export interface UnetOptions {
  readonly folder: string
  /** Samples in one call of `denoisingGradient`. */
  readonly learningBatch: number
  /** [channels, height, width] */
  readonly latentDims: readonly number[]
  /** Of the conditioning with n = 1. */
  readonly conditioning: Conditioning
  readonly cacheFolder?: string
  readonly threads?: number
}

/** Reads `unet/`: the one place that knows its tensor names. */
export async function openUnet(options: UnetOptions): Promise<DenoisingNetwork> {
  const { folder, learningBatch, latentDims, conditioning, cacheFolder, threads } = options
  const batched = ({ dims }: Tensor) => [learningBatch, ...dims.slice(1)]
  const network = await openDifferentiable({
    path: join(folder, 'unet', 'model.onnx'),
    inputDims: {
      sample: [learningBatch, ...latentDims],
      timestep: [learningBatch],
      encoder_hidden_states: batched(conditioning.hiddenStates),
      ...(conditioning.pooled && { text_embeds: batched(conditioning.pooled) }),
    },
    by: ['encoder_hidden_states', ...(conditioning.pooled ? ['text_embeds'] : [])],
    loss: { kind: 'weighted-mse', output: 'out_sample' },
    cacheFolder,
    threads,
  })
  return {
    denoise: async (ask) => (await network.run(feedsOf(ask))).out_sample!,
    denoisingGradient: async (ask) => {
      const { loss, gradients } = await network.runWithGradient({
        ...feedsOf(ask),
        target: ask.target,
        weight: ask.weight,
      })
      const gradient = { hiddenStates: gradients.encoder_hidden_states!, pooled: gradients.text_embeds }
      return { loss: [...loss!.data], gradient }
    },
    close: () => network.close(),
  }
}

function feedsOf({ latents, timesteps, conditioning }: Denoising): Feeds {
  return {
    sample: latents,
    timestep: tensor([timesteps.length], Float32Array.from(timesteps)),
    encoder_hidden_states: conditioning.hiddenStates,
    ...(conditioning.pooled && { text_embeds: conditioning.pooled }),
  }
}
