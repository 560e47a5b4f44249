import { sizeOf, type Tensor, tensor } from '../../tensor/tensor.ts'
import {
  batchingOf,
  type DenoisingForm,
  type DenoisingNetwork,
  type DenoisingOptions,
  inputsOf,
  openDenoisingNetwork,
  outputOf,
  type Packing,
  refuseOtherChannels,
} from './denoiser.ts'

/** Reads `transformer/` of FLUX.1: the one place that knows its tensor names. */
export function openFlux(options: DenoisingOptions): Promise<DenoisingNetwork> {
  return openDenoisingNetwork(formOf(options), options)
}

function formOf({ layout, latentDims, conditioning }: DenoisingOptions): DenoisingForm {
  const wanted = ['hidden_states', 'timestep', 'encoder_hidden_states', 'pooled_projections']
  const input = inputsOf(layout, wanted, ['guidance', 'txt_ids', 'img_ids'])
  const [, height, width] = latentDims as [number, number, number]
  const latents = input('hidden_states')!
  const packed = latents.dims[2]
  refuseOtherChannels(latents, layout, latentDims, typeof packed === 'number' ? packed / 4 : packed)
  // A graph that was built here knows the places.
  const ids = input('img_ids') && {
    img_ids: placesOf(height / 2, width / 2),
    txt_ids: tensor([conditioning.hiddenStates.dims[1]!, 3]),
  }
  const isShared = input('img_ids')?.dims.length === 2
  const batching = batchingOf(latents, input('timestep')!)
  return {
    names: {
      latents: 'hidden_states',
      states: 'encoder_hidden_states',
      pooled: 'pooled_projections',
      output: outputOf(layout, 'out_hidden_states'),
    },
    batching: { ...batching, timestepOf: (timestep) => timestep / TIMESTEPS },
    further: {
      ...(input('guidance') && { guidance: tensor([1], Float32Array.of(GUIDANCE)) }),
      ...(!isShared &&
        Object.fromEntries(
          Object.entries(ids ?? {}).map(([name, { dims, data }]) => [name, tensor([1, ...dims], data)]),
        )),
    },
    shared: isShared ? ids : {},
    packing: packingOf(latentDims),
  }
}

/** Its timestep is the noise level σ itself. */
const TIMESTEPS = 1000
/** The guidance that diffusers gives the guidance-distilled model by default. */
const GUIDANCE = 3.5

/** For every patch of the picture [0, row, column]; for those of the prompt all zeros. */
function placesOf(height: number, width: number): Tensor {
  const placement = Array.from({ length: height * width }, (_, index) => [0, Math.floor(index / width), index % width])
  return tensor([placement.length, 3], Float32Array.from(placement.flat()))
}

/** Blocks of 2 × 2 latents become one patch: [n, channels, height, width] ↔ [n, height/2 · width/2, channels · 4]. */
function packingOf(latentDims: readonly number[]): Packing {
  const [channels, height, width] = latentDims as [number, number, number]
  const dims = [(height / 2) * (width / 2), channels * 4]
  const size = sizeOf(latentDims)
  /** For every packed number of a sample, its position in the latents. */
  const sources = Int32Array.from({ length: size }, (_, index) => {
    const [piece, within] = [Math.floor(index / (channels * 4)), index % (channels * 4)]
    const row = 2 * Math.floor(piece / (width / 2)) + (Math.floor(within / 2) % 2)
    const column = 2 * (piece % (width / 2)) + (within % 2)
    return (Math.floor(within / 4) * height + row) * width + column
  })
  return {
    dims,
    pack: ({ dims: [n], data }) => {
      const packed = tensor([n!, ...dims])
      for (const index of packed.data.keys()) {
        const start = index - (index % size)
        packed.data[index] = data[start + sources[index % size]!]!
      }
      return packed
    },
    unpack: ({ dims: [n], data }) => {
      const latents = tensor([n!, ...latentDims])
      for (const [index, value] of data.entries()) {
        const start = index - (index % size)
        latents.data[start + sources[index % size]!] = value
      }
      return latents
    },
  }
}
