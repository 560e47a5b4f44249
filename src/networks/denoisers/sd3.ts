import { UserError } from '../../errors.ts'
import {
  batchingOf,
  type DenoisingForm,
  type DenoisingNetwork,
  type DenoisingOptions,
  inputsOf,
  openDenoisingNetwork,
  outputOf,
  refuseOtherChannels,
} from './denoiser.ts'

/** Reads `transformer/` of Stable Diffusion 3: the one place that knows its tensor names. */
export function openTransformer(options: DenoisingOptions): Promise<DenoisingNetwork> {
  return openDenoisingNetwork(formOf(options), options)
}

function formOf({ layout, latentDims, conditioning }: DenoisingOptions): DenoisingForm {
  const input = inputsOf(layout, ['hidden_states', 'timestep', 'encoder_hidden_states', 'pooled_projections'], [])
  const latents = input('hidden_states')!
  refuseOtherChannels(latents, layout, latentDims)
  const width = input('pooled_projections')!.dims[1]
  const found = conditioning.pooled?.dims[1]
  if (found === undefined || (typeof width === 'number' && width !== found)) {
    throw new UserError(
      `The transformer in ${layout.path} wants a pooled embedding of ${width} numbers and its text encoders give ${found ?? 0}: use a folder with its own text_encoder and text_encoder_2.`,
    )
  }
  return {
    names: {
      latents: 'hidden_states',
      states: 'encoder_hidden_states',
      pooled: 'pooled_projections',
      output: outputOf(layout, 'out_hidden_states'),
    },
    batching: batchingOf(latents, input('timestep')!),
    further: {},
  }
}
