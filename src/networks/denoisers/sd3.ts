import { UserError } from '../../errors.ts'
import { readModel } from '../../onnx/proto.ts'
import { denoiserPath } from '../layout.ts'
import {
  batchingOf,
  type DenoisingForm,
  type DenoisingNetwork,
  type DenoisingOptions,
  inputsOf,
  openDenoisingNetwork,
  refuseOtherChannels,
} from './denoiser.ts'

/** Reads `transformer/` of Stable Diffusion 3: the one place that knows its tensor names. */
export function openTransformer(options: DenoisingOptions): Promise<DenoisingNetwork> {
  return openDenoisingNetwork(formOf(options), options)
}

function formOf({ folder, latentDims, conditioning }: DenoisingOptions): DenoisingForm {
  const path = denoiserPath(folder)
  const graph = readModel(path)
  const input = inputsOf(
    graph,
    folder,
    ['hidden_states', 'timestep', 'encoder_hidden_states', 'pooled_projections'],
    [],
  )
  const latents = input('hidden_states')!
  refuseOtherChannels(latents, folder, latentDims)
  const width = input('pooled_projections')!.dims[1]
  const found = conditioning.pooled?.dims[1]
  if (found === undefined || (typeof width === 'number' && width !== found)) {
    throw new UserError(
      `The transformer in ${folder} wants ${width} pooled numbers of the prompt and its text encoders give ${found ?? 0}: use a folder with text_encoder and text_encoder_2 as they came with it.`,
    )
  }
  return {
    path,
    names: {
      latents: 'hidden_states',
      states: 'encoder_hidden_states',
      pooled: 'pooled_projections',
      output: graph.outputs.includes('out_hidden_states') ? 'out_hidden_states' : graph.outputs[0]!,
    },
    batching: batchingOf(latents, input('timestep')!),
    further: {},
  }
}
