import type { Hardware } from '../../compute/hardware.ts'
import { UserError } from '../../errors.ts'
import { lengthOfT5, type ModelLayout } from '../layout.ts'
import { joinEncoders, type PromptEncoder, pooledWithStates } from './prompt.ts'
import { openT5 } from './t5.ts'
import { openTextEncoder, type TextEncoder } from './text-encoder.ts'
import { openTextNetwork } from './text-network.ts'

interface TextEncodersOptions {
  readonly layout: ModelLayout
  readonly cacheFolder?: string
  readonly hardware?: Hardware
}

/**
 * Reads all `text_encoder…/` of a folder. A network that takes sizes is SDXL's, and one with pooled projections SD 3's:
 * both use the states of the layer before the last. FLUX uses only CLIP's pooled embedding, which is not projected.
 * @throws UserError if there is none
 */
export async function openTextEncoders({ layout, cacheFolder, hardware }: TextEncodersOptions): Promise<PromptEncoder> {
  const { architecture, index, path: folder } = layout
  if (architecture === 'flux') return openEncodersOfFlux({ layout, cacheFolder, hardware })
  const isSd3 = architecture === 'sd3'
  const isXl = layout.graph('denoiser').inputs.some(({ name }) => name === 'time_ids')
  const encoders: TextEncoder[] = []
  let length = 0
  for (const name of ['text_encoder', 'text_encoder_2'] as const) {
    if (!layout.has(name)) continue
    const tokenizer = await layout.tokenizer(name)
    length = tokenizer.maxLength
    const layer = isXl || isSd3 ? 'penultimate' : 'last'
    const graph = layout.graph(name)
    encoders.push(await openTextEncoder({ graph, name, tokenizer, layer, cacheFolder, hardware }))
  }
  if (encoders.length === 0) throw new UserError(`There is no text_encoder in ${folder}: download it again.`)
  if (isSd3) {
    const { places = length + lengthOfT5(architecture, layout.config('denoiser')), width } = sizeOfStates(layout)
    const t5 = await openT5(layout, 'text_encoder_3', { length: places - length, width, cacheFolder })
    return joinEncoders(encoders, { empty: 'encoded', pooled: 'all', t5 })
  }
  const isZeros = isXl && index.force_zeros_for_empty_prompt !== false
  return joinEncoders(encoders, { empty: isZeros ? 'zeros' : 'encoded', pooled: 'last' })
}

async function openEncodersOfFlux(options: TextEncodersOptions): Promise<PromptEncoder> {
  const { layout } = options
  const missing = (['text_encoder', 'text_encoder_2'] as const).find((part) => !layout.has(part))
  if (missing) throw new UserError(`There is no ${missing} in ${layout.path}: download the model again.`)
  const tokenizer = await layout.tokenizer('text_encoder')
  const own = { graph: layout.graph('text_encoder'), name: 'text_encoder' }
  const network = await openTextNetwork({ ...options, ...own, tokenizer, outputs: ['pooler_output'] })
  const { places = lengthOfT5('flux', layout.config('denoiser')), width } = sizeOfStates(layout)
  const t5 = await openT5(layout, 'text_encoder_2', { length: places, width, cacheFolder: options.cacheFolder })
  return pooledWithStates(network, 'pooler_output', t5)
}

/** The prompt's states that the network takes: how many positions, if its graph fixes that, and how wide. */
function sizeOfStates(layout: ModelLayout): { places?: number; width: number } {
  const states = layout.graph('denoiser').inputs.find(({ name }) => name === 'encoder_hidden_states')
  const [, places, width] = states?.dims ?? []
  const { joint_attention_dim: stated = USUAL_WIDTH } = layout.config('denoiser')
  return {
    places: typeof places === 'number' ? places : undefined,
    width: typeof width === 'number' ? width : (stated as number),
  }
}

/** T5-XXL's states as Stable Diffusion 3 and FLUX need them. */
const USUAL_WIDTH = 4096
