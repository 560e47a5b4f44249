import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Hardware } from '../../compute/hardware.ts'
import { UserError } from '../../errors.ts'
import { readModel } from '../../onnx/proto.ts'
import { readJson } from '../json.ts'
import { architectureOf, denoiserPath, readIndex } from '../layout.ts'
import { openTextNetwork } from './clip-text.ts'
import { joinEncoders, type PromptEncoder, pooledBeside } from './prompt.ts'
import { openT5 } from './t5.ts'
import { openTextEncoder, type TextEncoder } from './text-encoder.ts'
import { loadTokenizer } from './tokenizer.ts'

export interface TextEncodersOptions {
  readonly folder: string
  readonly cacheFolder?: string
  readonly threads?: number
  readonly hardware?: Hardware
}

/**
 * Reads all `text_encoder…/` of a folder. A network that is told of sizes is SDXL's, and one with pooled projections SD 3's:
 * both read their encoders a layer earlier. FLUX reads nothing of CLIP's but the pooled embedding, which is not projected.
 * @throws UserError when there is none.
 */
export async function openTextEncoders({
  folder,
  cacheFolder,
  threads,
  hardware,
}: TextEncodersOptions): Promise<PromptEncoder> {
  const architecture = architectureOf(folder)
  if (architecture === 'flux') return openEncodersOfFlux({ folder, cacheFolder, threads, hardware })
  const isSd3 = architecture === 'sd3'
  const isXl = readModel(denoiserPath(folder)).inputs.some(({ name }) => name === 'time_ids')
  const encoders: TextEncoder[] = []
  let length = 0
  for (const suffix of ['', '_2']) {
    const path = join(folder, `text_encoder${suffix}`, 'model.onnx')
    if (!existsSync(path)) continue
    const tokenizer = await loadTokenizer(join(folder, `tokenizer${suffix}`))
    length = tokenizer.maxLength
    const layer = isXl || isSd3 ? 'penultimate' : 'last'
    encoders.push(await openTextEncoder({ path, tokenizer, layer, cacheFolder, threads, hardware }))
  }
  if (encoders.length === 0) throw new UserError(`There is no text_encoder/model.onnx in ${folder}: fetch it again.`)
  if (isSd3) {
    const { placement = length + USUAL_LENGTH, width } = await sizeOfStates(folder)
    const behind = await openT5(folder, '_3', { length: placement - length, width }, threads)
    return joinEncoders(encoders, { empty: 'encoded', pooled: 'all', behind })
  }
  const isZeros = isXl && (await readIndex(folder)).force_zeros_for_empty_prompt !== false
  return joinEncoders(encoders, { empty: isZeros ? 'zeros' : 'encoded', pooled: 'last' })
}

async function openEncodersOfFlux(options: TextEncodersOptions): Promise<PromptEncoder> {
  const { folder, threads } = options
  const path = join(folder, 'text_encoder', 'model.onnx')
  const t5 = join(folder, 'text_encoder_2', 'model.onnx')
  const missing = [path, t5].find((each) => !existsSync(each))
  if (missing) throw new UserError(`There is no ${missing}: fetch the model again.`)
  const tokenizer = await loadTokenizer(join(folder, 'tokenizer'))
  const network = await openTextNetwork({ ...options, path, tokenizer, outputs: ['pooler_output'] })
  const { placement = USUAL_LENGTH_OF_FLUX, width } = await sizeOfStates(folder)
  return pooledBeside(network, 'pooler_output', await openT5(folder, '_2', { length: placement, width }, threads))
}

/** Of what the network reads of the prompt: how many placement there are, where its graph fixes that, and how wide they are. */
async function sizeOfStates(folder: string): Promise<{ placement?: number; width: number }> {
  const path = denoiserPath(folder)
  const states = readModel(path).inputs.find(({ name }) => name === 'encoder_hidden_states')
  const [, placement, width] = states?.dims ?? []
  const config = await readJson<{ joint_attention_dim?: number }>(join(dirname(path), 'config.json'))
  return {
    placement: typeof placement === 'number' ? placement : undefined,
    width: typeof width === 'number' ? width : (config?.joint_attention_dim ?? USUAL_WIDTH),
  }
}

/** T5-XXL's states as Stable Diffusion 3 and FLUX ask for them. */
const USUAL_LENGTH = 256
const USUAL_LENGTH_OF_FLUX = 512
const USUAL_WIDTH = 4096
