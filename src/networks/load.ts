import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Caption, JointSpace, Networks } from '../engine/networks.ts'
import type { Schedule } from '../engine/schedule.ts'
import { UserError } from '../errors.ts'
import { readModel } from '../onnx/proto.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { captionOf, readPhrases } from './captioner.ts'
import { type ImageEncoder, openImageEncoder, openTextEncoder, type TextEncoder } from './clip.ts'
import { learnedAtOnce } from './denoising.ts'
import { identityOf, readIndex, sideOf, unetPath } from './folder.ts'
import { joinEncoders, type PromptEncoder } from './prompt.ts'
import { openTowers } from './joint.ts'
import { loadTokenizer } from './tokenizer.ts'
import { openUnet } from './unet.ts'
import { openAutoencoder } from './vae.ts'

export interface LoadOptions {
  /** A model folder in the diffusers layout, with a manifest.json or a model_index.json. */
  readonly folder: string
  /** Samples in one learning call, at most: large pictures take two. */
  readonly learningBatch: number
  /** Where gradient graphs are kept. */
  readonly cacheFolder?: string
  readonly threads?: number
  /** scheduler_config.json → its schedule */
  readonly readSchedule: (config: Readonly<Record<string, unknown>>) => Schedule
}

/** @throws UserError when the folder is not a model that can be used. */
export async function loadNetworks(options: LoadOptions): Promise<Networks> {
  const { folder, cacheFolder, threads } = options
  const { name, hash } = await identityOf(folder)
  const side = await sideOf(folder)
  const text = await openPromptEncoder(options)
  const eyes = existsSync(join(folder, 'image_encoder', 'model.onnx'))
    ? await openImageEncoder(folder, threads)
    : undefined
  const towers = await openTowers({ folder, tokenWidth: text.tokenWidths[0]!, cacheFolder, threads })
  const autoencoder = await openAutoencoder(folder, side, threads)
  const { latentDims } = autoencoder
  const learningBatch = Math.min(options.learningBatch, Math.max(2, learnedAtOnce(latentDims)))
  const unet = await openUnet({
    ...{ folder, learningBatch, side, latentDims, cacheFolder, threads },
    conditioning: await text.encode(''),
  })
  const isCaptioned = existsSync(join(folder, 'captioner', 'phrases.json'))
  const phrases = isCaptioned ? await readPhrases(folder) : undefined
  const words = phrases && [...phrases.things, ...phrases.attributes.flatMap(({ phrases }) => phrases)]
  const { projecting } = text
  const joint = towers ?? (eyes && projecting && jointSpace(text, eyes))
  return {
    name,
    hash,
    schedule: options.readSchedule(
      JSON.parse(await readFile(join(folder, 'scheduler', 'scheduler_config.json'), 'utf8')),
    ),
    side,
    latentDims,
    tokenWidths: text.tokenWidths,
    tokenNorms: text.tokenNorms(words),
    learningBatch,
    encodePicture: autoencoder.encode,
    decodeLatents: autoencoder.decode,
    ...(phrases &&
      eyes &&
      projecting && {
        caption: async (pixels: Tensor, like?: Caption) =>
          captionOf(await eyes.embed(pixels), phrases, projecting.embed, like),
      }),
    embedWords: text.embedWords,
    encodePrompt: text.encode,
    promptGradient: text.gradient,
    ...(joint && { joint }),
    denoise: unet.denoise,
    denoisingGradient: unet.denoisingGradient,
    close: async () => {
      await Promise.all([text.close(), eyes?.close(), towers?.close(), autoencoder.close(), unet.close()])
    },
  }
}

/** A network that is told of sizes is SDXL's: its encoders are read a layer earlier, and no words are zeros. */
async function openPromptEncoder({ folder, cacheFolder, threads }: LoadOptions): Promise<PromptEncoder> {
  const isXl = readModel(unetPath(folder)).inputs.some(({ name }) => name === 'time_ids')
  const encoders: TextEncoder[] = []
  for (const suffix of ['', '_2']) {
    const path = join(folder, `text_encoder${suffix}`, 'model.onnx')
    if (!existsSync(path)) continue
    const tokenizer = await loadTokenizer(join(folder, `tokenizer${suffix}`))
    const layer = isXl ? 'penultimate' : 'last'
    encoders.push(await openTextEncoder({ path, tokenizer, layer, cacheFolder, threads }))
  }
  if (encoders.length === 0) throw new UserError(`There is no text_encoder/model.onnx in ${folder}: fetch it again.`)
  const isZeros = isXl && (await readIndex(folder)).force_zeros_for_empty_prompt !== false
  return joinEncoders(encoders, isZeros ? 'zeros' : 'encoded')
}

function jointSpace(text: PromptEncoder, eyes: ImageEncoder): JointSpace {
  return {
    embedText: async (prompt, tokens) => flat((await text.encode(prompt, tokens)).pooled!),
    textGradient: (prompt, tokens, { data }) =>
      text.gradient(prompt, tokens, { pooled: tensor([1, data.length], data) }),
    embedPicture: eyes.embed,
  }
}

const flat = ({ data }: { readonly data: Float32Array }) => tensor([data.length], data)
