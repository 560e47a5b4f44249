import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Networks } from '../engine/networks.ts'
import type { Schedule } from '../engine/schedule.ts'
import { UserError } from '../errors.ts'
import { tensor } from '../tensor/tensor.ts'
import { captionOf, readPhrases } from './captioner.ts'
import { openImageEncoder, openTextEncoder } from './clip.ts'
import { loadTokenizer } from './tokenizer.ts'
import { openUnet } from './unet.ts'
import { openAutoencoder } from './vae.ts'

export interface LoadOptions {
  /** A model folder in the diffusers layout, with a manifest.json. */
  readonly folder: string
  /** Samples in one learning call. */
  readonly learningBatch: number
  /** Where gradient graphs are kept. */
  readonly cacheFolder?: string
  readonly threads?: number
  /** scheduler_config.json → its schedule */
  readonly readSchedule: (config: Readonly<Record<string, unknown>>) => Schedule
}

/** @throws UserError when the folder holds no model. */
export async function readManifest(
  folder: string,
): Promise<{ readonly name: string; readonly side: number; readonly hash: string }> {
  const bytes = await readFile(join(folder, 'manifest.json')).catch((cause) => {
    throw new UserError(`There is no model in ${folder}: choose one that \`models list\` names.`, { cause })
  })
  const { name, side } = JSON.parse(bytes.toString())
  return { name, side, hash: createHash('sha256').update(bytes).digest('hex').slice(0, 16) }
}

/** @throws UserError when the folder is not a model that can be used. */
export async function loadNetworks({
  folder,
  learningBatch,
  cacheFolder,
  threads,
  readSchedule,
}: LoadOptions): Promise<Networks> {
  const { name, side, hash } = await readManifest(folder)
  const tokenizer = await loadTokenizer(join(folder, 'tokenizer'))
  const text = await openTextEncoder({ folder, tokenizer, cacheFolder, threads })
  const image = await openImageEncoder(folder, threads)
  const autoencoder = await openAutoencoder(folder, side, threads)
  const conditioning = await text.encode('')
  const unet = await openUnet({
    folder,
    learningBatch,
    latentDims: autoencoder.latentDims,
    conditioning,
    cacheFolder,
    threads,
  })
  const phrases = await readPhrases(folder)
  const noHiddenStates = tensor(conditioning.hiddenStates.dims)
  return {
    name,
    hash,
    schedule: readSchedule(JSON.parse(await readFile(join(folder, 'scheduler', 'scheduler_config.json'), 'utf8'))),
    side,
    latentDims: autoencoder.latentDims,
    tokenWidths: [text.tokenWidth],
    tokenNorms: [text.tokenNorm([...phrases.things, ...phrases.attributes.flatMap(({ phrases }) => phrases)])],
    learningBatch,
    encodePicture: autoencoder.encode,
    decodeLatents: autoencoder.decode,
    caption: async (pixels, like) => captionOf(await image.embed(pixels), phrases, text.embed, like),
    embedWords: (words, most) => [text.wordEmbeddings(words, most)],
    encodePrompt: text.encode,
    promptGradient: (prompt, tokens, { hiddenStates, pooled }) =>
      text.gradient(prompt, tokens, { hiddenStates, pooled: pooled! }),
    embedText: async (prompt, tokens) => flat((await text.encode(prompt, tokens)).pooled),
    textGradient: (prompt, tokens, cotangent) =>
      text.gradient(prompt, tokens, {
        hiddenStates: noHiddenStates,
        pooled: tensor([1, cotangent.data.length], cotangent.data),
      }),
    embedPicture: image.embed,
    denoise: unet.denoise,
    denoisingGradient: unet.denoisingGradient,
    close: async () => {
      await Promise.all([text.close(), image.close(), autoencoder.close(), unet.close()])
    },
  }
}

const flat = ({ data }: { readonly data: Float32Array }) => tensor([data.length], data)
