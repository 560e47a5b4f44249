import { createHash, type Hash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { open, readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { UserError } from '../errors.ts'
import type { ValueInfo } from '../onnx/graph.ts'
import { readModel } from '../onnx/proto.ts'
import { readJson } from './json.ts'

/** What a model folder in the diffusers layout says of itself: its manifest.json, or else its own files. */
export interface Identity {
  readonly name: string
  /** Tells models of one shape apart. */
  readonly hash: string
}

/** @throws UserError when the folder holds no model. */
export async function identityOf(folder: string): Promise<Identity> {
  const manifest = await readJson<Manifest>(join(folder, 'manifest.json'))
  const hash = createHash('sha256')
  if (manifest) {
    for (const line of [manifest.name, ...(await contentOf(manifest, folder))]) hash.update(`${line}\n`)
    return { name: manifest.name, hash: shortened(hash) }
  }
  await checkParts(folder, await readIndex(folder))
  for (const part of PARTS) {
    const names = await readdir(join(folder, part)).catch(() => [])
    for (const name of names.sort()) {
      hash.update(`${part}/${name}`)
      await addSample(hash, join(folder, part, name))
    }
  }
  return { name: basename(resolve(folder)), hash: shortened(hash) }
}

/**
 * Pixels of a picture: what the manifest asks for; else what the denoising network was made for, in its graph where that is
 * fixed, or in its configuration.
 * @throws UserError when the folder holds no model, or one for pictures that are not square.
 */
export async function sideOf(folder: string): Promise<number> {
  const manifest = await readJson<{ side?: number }>(join(folder, 'manifest.json'))
  if (manifest?.side) return manifest.side
  if (!manifest) await readIndex(folder)
  const path = denoiserPath(folder)
  const latents = readModel(path).inputs.find(({ name }) => name === 'sample' || name === 'hidden_states')
  const config = await readJson<{ sample_size?: number | [number, number] }>(join(dirname(path), 'config.json'))
  const usual = architectureOf(folder) === 'flux' ? USUAL_LATENT_SIDE_OF_FLUX : USUAL_LATENT_SIDE
  const sizes = fixedSizes(latents?.dims ?? []) ?? [config?.sample_size ?? usual].flat()
  if (sizes.some((size) => size !== sizes[0] || !Number.isInteger(size))) {
    throw new UserError(`The model in ${folder} is for pictures that are not square; only square ones can be used.`)
  }
  return sizes[0]! * ((await readVaeConfig(folder)).factor ?? USUAL_FACTOR)
}

/** Height and width in latents: [n, channels, height, width], or of a square picture in pieces of 2 × 2, [n, pieces, …]. */
function fixedSizes(dims: ValueInfo['dims']): readonly number[] | undefined {
  const [, pieces, height, width] = dims
  if (dims.length === 3) return typeof pieces === 'number' ? [2 * Math.sqrt(pieces)] : undefined
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined
}

/** The denoising network: a transformer, or else a UNet. */
export function denoiserPath(folder: string): string {
  const [transformer, unet] = DENOISERS.map((name) => join(folder, name, 'model.onnx')) as [string, string]
  return existsSync(transformer) ? transformer : unet
}

/**
 * `sd3`: a transformer that is told of the prompt by CLIP's two encoders and T5, joined. `flux`: one that takes packed
 * latents, and is told of the prompt by T5 and by CLIP's pooled embedding.
 */
export type Architecture = 'unet' | 'sd3' | 'flux'

/**
 * What the denoising network is, by its inputs: some exports call a transformer's folder `unet`.
 * @throws UserError when it is one that cannot be used.
 */
export function architectureOf(folder: string): Architecture {
  const inputs = new Set(readModel(denoiserPath(folder)).inputs.map(({ name }) => name))
  if (!inputs.has('hidden_states')) return 'unet'
  if (inputs.has('pooled_projections')) return inputs.has('img_ids') ? 'flux' : 'sd3'
  throw new UserError(
    `The model in ${folder} reads its prompts through T5 alone, in which no difference can be learned: ${USABLE}.`,
  )
}

const USABLE = 'Stable Diffusion 1.x, 2.x, XL, 3 and 3.5, and FLUX.1 can be used, exported to ONNX as optimum does'
const DENOISERS = ['transformer', 'unet']

/** `model_index.json`, as far as it matters. */
export interface ModelIndex {
  readonly _class_name?: string
  /** SDXL: without words the conditioning is zeros, not an empty prompt's. */
  readonly force_zeros_for_empty_prompt?: boolean
  /** SDXL's refiner. */
  readonly requires_aesthetics_score?: boolean
  /** Library and class of a part; null where there is none. */
  readonly text_encoder?: readonly (string | null)[]
  readonly text_encoder_2?: readonly (string | null)[]
}

/** @throws UserError when the folder holds no model, or one of a kind that is not known here. */
export async function readIndex(folder: string): Promise<ModelIndex> {
  const index = await readJson<ModelIndex>(join(folder, 'model_index.json'))
  if (!index) throw new UserError(`There is no model in ${folder}: choose one that \`models list\` names.`)
  if (existsSync(denoiserPath(folder))) return index
  for (const part of DENOISERS) {
    const names = await readdir(join(folder, part)).catch(() => [])
    if (names.some((name) => /\.(safetensors|bin|msgpack)$/.test(name))) {
      throw new UserError(
        `The model in ${folder} is not exported to ONNX yet: \`optimum-cli export onnx --model ${folder} NEW_FOLDER\` does it.`,
      )
    }
  }
  const kind = index._class_name ? ` It is a ${index._class_name}.` : ''
  throw new UserError(`There is no unet/model.onnx or transformer/model.onnx in ${folder}: ${USABLE}.${kind}`)
}

/** @throws UserError that names everything which is missing, or for a model that refines what another one makes. */
async function checkParts(folder: string, index: ModelIndex): Promise<void> {
  if (index.requires_aesthetics_score) {
    throw new UserError(`The model in ${folder} is a refiner: use the base model that it belongs to.`)
  }
  architectureOf(folder)
  await refuseFurtherPictures(folder)
  const encoders = (['text_encoder', 'text_encoder_2'] as const).filter((part) => index[part]?.[1])
  const wanted = [...encoders, 'vae_encoder', 'vae_decoder'].map((part) => `${part}/model.onnx`)
  const missing = [...wanted, 'scheduler/scheduler_config.json'].filter((path) => !existsSync(join(folder, path)))
  if (missing.length === 0) return
  throw new UserError(
    `The model in ${folder} is not whole, for it lacks ${missing.join(', ')}: export it again, or fetch the rest.`,
  )
}

export interface VaeConfig {
  /** What latents are multiplied by. */
  readonly scalingFactor?: number
  /** What is taken from them before. */
  readonly shiftFactor?: number
  readonly channels?: number
  /** Pixels to a latent, along one side. */
  readonly factor?: number
}

/** What the autoencoder's configuration says, wherever the export has put it. */
export async function readVaeConfig(folder: string): Promise<VaeConfig> {
  for (const part of ['vae_decoder', 'vae_encoder', 'vae']) {
    const config = await readJson<RawVaeConfig>(join(folder, part, 'config.json'))
    if (!config) continue
    const levels = config.block_out_channels?.length
    return {
      scalingFactor: config.scaling_factor,
      shiftFactor: config.shift_factor ?? undefined,
      channels: config.latent_channels,
      factor: levels && 2 ** (levels - 1),
    }
  }
  return {}
}

interface RawVaeConfig {
  readonly scaling_factor?: number
  readonly shift_factor?: number | null
  readonly latent_channels?: number
  readonly block_out_channels?: readonly number[]
}

const USUAL_LATENT_SIDE = 64
const USUAL_LATENT_SIDE_OF_FLUX = 128
const USUAL_FACTOR = 8
const PARTS = [
  'scheduler',
  'text_encoder',
  'text_encoder_2',
  'text_encoder_3',
  'transformer',
  'unet',
  'vae_decoder',
  'vae_encoder',
]

/**
 * What a manifest says the model is made of: its own files, or those of its first source (the others are what the model
 * sees with), by the commit, or where that is a branch, which moves on, by the checksums in lock.json.
 */
async function contentOf({ files, sources: [source] = [] }: Manifest, folder: string): Promise<string[]> {
  if (source && /^[0-9a-f]{40}$/.test(source.revision)) return [`${source.repository} ${source.revision}`]
  const lock = source && (await readJson<{ sources?: readonly Source[] }>(join(folder, 'lock.json')))
  const known = (source ? lock?.sources?.[0]?.files : files) ?? []
  const used = known.filter(({ path }) => [...PARTS, 'tokenizer'].some((part) => path.startsWith(part)))
  return used.map(({ path, sha256, gitOid }) => `${path} ${sha256 ?? gitOid}`).sort()
}

interface Manifest {
  readonly name: string
  readonly files?: Source['files']
  readonly sources?: readonly Source[]
}

interface Source {
  readonly repository: string
  readonly revision: string
  readonly files?: readonly { readonly path: string; readonly sha256?: string; readonly gitOid?: string }[]
}

/**
 * Where the graph leaves the channels open, its configuration tells a network for inpainting, depth or instructions.
 * @throws UserError
 */
async function refuseFurtherPictures(folder: string): Promise<void> {
  const { in_channels: taken } = (await readJson<{ in_channels?: number }>(join(folder, 'unet', 'config.json'))) ?? {}
  const { channels = USUAL_CHANNELS } = await readVaeConfig(folder)
  if (taken === undefined || taken === channels) return
  throw new UserError(
    `The model in ${folder} takes a picture beside the prompt (its network has ${taken} channels instead of ${channels}): use the plain model that it was made from.`,
  )
}

const USUAL_CHANNELS = 4

/** Size and samples: weights of gigabytes are told apart in milliseconds. */
async function addSample(hash: Hash, path: string): Promise<void> {
  const file = await open(path)
  try {
    const stats = await file.stat()
    if (!stats.isFile()) return
    const { size } = stats
    hash.update(String(size))
    const placement = size <= SAMPLES * SAMPLE_BYTES ? [0] : Array.from({ length: SAMPLES }, (_, at) => at)
    const length = placement.length === 1 ? size : SAMPLE_BYTES
    for (const place of placement) {
      const position = Math.floor((place * (size - length)) / (SAMPLES - 1))
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position)
      hash.update(buffer.subarray(0, bytesRead))
    }
  } finally {
    await file.close()
  }
}

const SAMPLES = 64
const SAMPLE_BYTES = 16 * 1024

const shortened = (hash: Hash) => hash.digest('hex').slice(0, 16)
