import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { UserError } from '../errors.ts'
import { readModel } from '../onnx/proto.ts'
import { openTextEncoder, type TextEncoder } from './clip.ts'
import { architectureOf, denoiserPath, readIndex } from './folder.ts'
import type { Hardware } from './hardware.ts'
import { readJson } from './json.ts'
import { joinEncoders, type PromptEncoder } from './prompt.ts'
import { openT5 } from './t5.ts'
import { loadTokenizer } from './tokenizer.ts'

export interface TextEncodersOptions {
  readonly folder: string
  readonly cacheFolder?: string
  readonly threads?: number
  readonly hardware?: Hardware
}

/**
 * Reads all `text_encoder…/` of a folder. A network that is told of sizes is SDXL's, and one with pooled projections SD 3's:
 * both read their encoders a layer earlier.
 * @throws UserError when there is none.
 */
export async function openTextEncoders({
  folder,
  cacheFolder,
  threads,
  hardware,
}: TextEncodersOptions): Promise<PromptEncoder> {
  const isSd3 = architectureOf(folder) === 'sd3'
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
    const behind = await openT5(folder, await sizeBehind(folder, length), threads)
    return joinEncoders(encoders, { empty: 'encoded', pooled: 'all', behind })
  }
  const isZeros = isXl && (await readIndex(folder)).force_zeros_for_empty_prompt !== false
  return joinEncoders(encoders, { empty: isZeros ? 'zeros' : 'encoded', pooled: 'last' })
}

/** Of T5's states: as many as the network has places behind CLIP's `length`, and as wide. */
async function sizeBehind(folder: string, length: number): Promise<{ length: number; width: number }> {
  const path = denoiserPath(folder)
  const states = readModel(path).inputs.find(({ name }) => name === 'encoder_hidden_states')
  const [, places, width] = states?.dims ?? []
  const config = await readJson<{ joint_attention_dim?: number }>(join(dirname(path), 'config.json'))
  return {
    length: typeof places === 'number' ? places - length : USUAL_LENGTH,
    width: typeof width === 'number' ? width : (config?.joint_attention_dim ?? USUAL_WIDTH),
  }
}

/** T5-XXL's as Stable Diffusion 3 asks for it. */
const USUAL_LENGTH = 256
const USUAL_WIDTH = 4096
