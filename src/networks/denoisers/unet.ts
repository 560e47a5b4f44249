import type { Conditioning } from '../../diffusion/model.ts'
import { UserError } from '../../errors.ts'
import type { ValueInfo } from '../../onnx/graph.ts'
import { tensor } from '../../tensor/tensor.ts'
import type { ModelLayout } from '../layout.ts'
import { embeddedGuidance } from '../sampling.ts'
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

/** Reads `unet/`: the one place that knows its tensor names. */
export async function openUnet(options: DenoisingOptions): Promise<DenoisingNetwork> {
  return openDenoisingNetwork(formOf(options), options)
}

function formOf({ layout, latentDims, conditioning }: DenoisingOptions): DenoisingForm {
  const wanted = ['sample', 'timestep', 'encoder_hidden_states']
  const input = inputsOf(layout, wanted, ['text_embeds', 'time_ids', 'timestep_cond'])
  const sample = input('sample')!
  refuseOtherChannels(sample, layout, latentDims)
  const ids = input('time_ids')
  if (typeof ids?.dims[1] === 'number' && ids.dims[1] !== TIME_IDS) {
    throw new UserError(
      `The model in ${layout.path} is a refiner (its time_ids are ${ids.dims[1]}): use the base model.`,
    )
  }
  const guidance = input('timestep_cond')
  return {
    names: {
      latents: 'sample',
      states: 'encoder_hidden_states',
      ...(input('text_embeds') && { pooled: pooledName(layout, conditioning) }),
      output: outputOf(layout, 'out_sample'),
    },
    batching: batchingOf(sample, input('timestep')!),
    further: {
      ...(ids && { time_ids: timeIds(layout.side) }),
      ...(guidance && { timestep_cond: embeddedGuidance(layout, guidanceWidth(layout, guidance)) }),
    },
  }
}

/** For a consistency model. */
function guidanceWidth(layout: ModelLayout, { dims }: ValueInfo): number {
  if (typeof dims[1] === 'number') return dims[1]
  const { time_cond_proj_dim: width } = layout.config('denoiser')
  if (typeof width === 'number') return width
  throw new UserError(
    `The model in ${layout.path} does not say how wide its \`timestep_cond\` is: download unet/config.json.`,
  )
}

function pooledName({ path }: ModelLayout, { pooled }: Conditioning): string {
  if (pooled) return 'text_embeds'
  throw new UserError(`The model in ${path} wants \`text_embeds\`, and none of its text encoders gives them.`)
}

/** About the picture: its original height and width, the crop from top and left, and its target height and width. */
const timeIds = (side: number) => tensor([1, TIME_IDS], Float32Array.of(side, side, 0, 0, side, side))
const TIME_IDS = 6
