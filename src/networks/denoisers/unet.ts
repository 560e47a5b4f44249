import { join } from 'node:path'
import type { Conditioning } from '../../diffusion/model.ts'
import { UserError } from '../../errors.ts'
import type { ValueInfo } from '../../onnx/graph.ts'
import { readModel } from '../../onnx/proto.ts'
import { tensor } from '../../tensor/tensor.ts'
import { readJson } from '../json.ts'
import { denoiserPath } from '../layout.ts'
import { embeddedGuidance } from '../sampling.ts'
import {
  batchingOf,
  type DenoisingForm,
  type DenoisingNetwork,
  type DenoisingOptions,
  inputsOf,
  openDenoisingNetwork,
  refuseOtherChannels,
} from './denoiser.ts'

/** Reads `unet/`: the one place that knows its tensor names. */
export async function openUnet(options: DenoisingOptions): Promise<DenoisingNetwork> {
  return openDenoisingNetwork(await formOf(options), options)
}

async function formOf({ folder, side, latentDims, conditioning }: DenoisingOptions): Promise<DenoisingForm> {
  const path = denoiserPath(folder)
  const graph = readModel(path)
  const wanted = ['sample', 'timestep', 'encoder_hidden_states']
  const input = inputsOf(graph, folder, wanted, ['text_embeds', 'time_ids', 'timestep_cond'])
  const sample = input('sample')!
  refuseOtherChannels(sample, folder, latentDims)
  const ids = input('time_ids')
  if (typeof ids?.dims[1] === 'number' && ids.dims[1] !== TIME_IDS) {
    throw new UserError(`The model in ${folder} is a refiner (its time_ids are ${ids.dims[1]}): use the base model.`)
  }
  const guidance = input('timestep_cond')
  return {
    path,
    names: {
      latents: 'sample',
      states: 'encoder_hidden_states',
      ...(input('text_embeds') && { pooled: pooledName(folder, conditioning) }),
      output: graph.outputs.includes('out_sample') ? 'out_sample' : graph.outputs[0]!,
    },
    batching: batchingOf(sample, input('timestep')!),
    further: {
      ...(ids && { time_ids: timeIds(side) }),
      ...(guidance && { timestep_cond: await embeddedGuidance(folder, await guidanceWidth(folder, guidance)) }),
    },
  }
}

/** Of a consistency model. */
async function guidanceWidth(folder: string, { dims }: ValueInfo): Promise<number> {
  if (typeof dims[1] === 'number') return dims[1]
  const config = await readJson<{ time_cond_proj_dim?: number }>(join(folder, 'unet', 'config.json'))
  if (config?.time_cond_proj_dim) return config.time_cond_proj_dim
  throw new UserError(`The model in ${folder} does not say how wide its \`timestep_cond\` is: fetch unet/config.json.`)
}

function pooledName(folder: string, { pooled }: Conditioning): string {
  if (pooled) return 'text_embeds'
  throw new UserError(`The model in ${folder} wants \`text_embeds\`, and none of its text encoders gives them.`)
}

/** Of the picture: height and width as it was, crop from top and left, height and width as it is to be. */
const timeIds = (side: number) => tensor([1, TIME_IDS], Float32Array.of(side, side, 0, 0, side, side))
const TIME_IDS = 6
