import { openForward } from '../compute/differentiable.ts'
import type { Hardware } from '../compute/hardware.ts'
import { sizeOf, type Tensor, tensor } from '../tensor/tensor.ts'
import type { ModelLayout } from './layout.ts'

interface Autoencoder {
  /** [channels, height, width] */
  readonly latentDims: readonly [number, number, number]
  /** pixels [3, side, side] in −1…1 → scaled latents [1, channels, height, width] */
  encode(pixels: Tensor): Promise<Tensor>
  /** The inverse, clamped to −1…1. */
  decode(latents: Tensor): Promise<Tensor>
  close(): Promise<void>
}

export async function openAutoencoder(layout: ModelLayout, hardware?: Hardware): Promise<Autoencoder> {
  const { side, vae: config } = layout
  const open = (name: 'vae_encoder' | 'vae_decoder') => openForward({ graph: layout.graph(name), name, hardware })
  const [encoder, decoder] = [await open('vae_encoder'), await open('vae_decoder')]
  const scale = config.scalingFactor ?? USUAL_SCALE
  const shift = config.shiftFactor ?? 0
  const declared = decoder.inputs.get('latent_sample')?.dims[1]
  const channels = typeof declared === 'number' ? declared : (config.channels ?? USUAL_CHANNELS)
  const encode = async (pixels: Tensor) => {
    const outputs = await encoder.run({ sample: tensor([1, ...pixels.dims], pixels.data) })
    const { dims, data } = (outputs.latent_parameters ?? outputs.latent_sample)!
    // latent_parameters holds mean and log-variance; the mean is the latent.
    const latentDims = [1, channels, ...dims.slice(2)]
    return tensor(
      latentDims,
      data.slice(0, sizeOf(latentDims)).map((value) => (value - shift) * scale),
    )
  }
  const latentSides = config.factor
    ? [side / config.factor, side / config.factor]
    : (await encode(tensor([3, side, side]))).dims.slice(2)
  return {
    latentDims: [channels, latentSides[0]!, latentSides[1]!],
    encode,
    decode: async (latents) => {
      const { sample } = await decoder.run({
        latent_sample: tensor(
          latents.dims,
          latents.data.map((value) => value / scale + shift),
        ),
      })
      const pixels = sample!.data.map((value) => Math.min(1, Math.max(-1, value)))
      return tensor(sample!.dims.slice(1), pixels)
    },
    close: async () => {
      await Promise.all([encoder.close(), decoder.close()])
    },
  }
}

/** Stable Diffusion's values, if the folder has none. */
const USUAL_SCALE = 0.18215
const USUAL_CHANNELS = 4
