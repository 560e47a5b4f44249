import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { PartConfig } from '../checkpoints/configuration.ts'
import { type LoraFile, readLora } from '../checkpoints/lora.ts'
import { isCompanion } from '../checkpoints/transformer-checkpoint.ts'
import { UserError } from '../errors.ts'
import { type Model, readManifest } from '../hub/catalog.ts'
import type { ModelReference } from '../hub/reference.ts'
import type { Graph, ValueInfo } from '../onnx/graph.ts'
import { readJson } from './json.ts'
import { adaptableParts, hasOtherWeights, type Part, type Parts, partsOfFile, partsOfFolder } from './parts.ts'
import { loadT5Tokenizer } from './text/t5-tokenizer.ts'
import { loadTokenizer, type Tokenizer } from './text/tokenizer.ts'
import { type VaeConfig, vaeConfigOf } from './vae-config.ts'

/** What a model on disk consists of. It is examined once and then passed on. */
export interface ModelLayout {
  readonly reference: ModelReference
  /** The model's folder; for a single file, the file. */
  readonly path: string
  readonly manifest?: Model
  readonly index: ModelIndex
  /** The content of scheduler_config.json. */
  readonly scheduler: Readonly<Record<string, unknown>>
  readonly architecture: Architecture
  /** The side of a picture in pixels. */
  readonly side: number
  readonly vae: VaeConfig
  has(part: Part): boolean
  /** The content of its config.json. */
  config(part: Part): Readonly<Record<string, unknown>>
  /** @throws UserError if it is missing or damaged */
  graph(part: Part): Graph
  /** CLIP's tokenizer. @throws UserError if it is missing */
  tokenizer(part: 'text_encoder' | 'text_encoder_2'): Promise<Tokenizer>
  /** @throws UserError if it is missing */
  t5Tokenizer(part: 'text_encoder_2' | 'text_encoder_3', maxLength: number): Promise<Tokenizer>
}

/** The fields of `model_index.json` that matter. */
interface ModelIndex {
  readonly _class_name?: string
  /** SDXL: the conditioning of an empty prompt is zeros instead of its encoding. */
  readonly force_zeros_for_empty_prompt?: boolean
  /** SDXL's refiner. */
  readonly requires_aesthetics_score?: boolean
  /** Library and class of a part; null if there is none. */
  readonly text_encoder?: readonly (string | null)[]
  readonly text_encoder_2?: readonly (string | null)[]
}

/**
 * `sd3`: a transformer conditioned by CLIP's two encoders and T5, joined. `flux`: one that takes packed latents and is
 * conditioned by T5 and CLIP's pooled embedding.
 */
type Architecture = 'unet' | 'sd3' | 'flux'

/**
 * Examines a model folder in the diffusers layout, or a model in one file.
 * @throws UserError if there is no model, or one that can't be used; it names everything that is missing
 */
export async function readLayout(reference: ModelReference): Promise<ModelLayout> {
  const { path: folder, prediction } = reference
  const manifest = await readManifest(folder)
  const file = await singleFileOf(folder, manifest !== undefined)
  const loras = reference.loras.map(({ path, strength }) => readLora(path, strength))
  const found = file ? partsOfFile(file, loras, prediction) : await filesOf(folder, manifest !== undefined, loras)
  const { parts, scheduler, index, tokenizer, t5Tokenizer } = found
  const there = adaptableParts(parts)
  for (const { path, parts: changed } of loras) {
    const lacked = [...changed.keys()].find((part) => !there.has(part))
    if (lacked)
      throw new UserError(`${path} changes a ${lacked}, which this model does not have: it is for another kind.`)
  }
  const architecture = architectureOf(folder, parts)
  const vae = vaeConfigOf(parts)
  const config = (part: Part) => parts.config(part) ?? {}
  const side = manifest?.side ?? sideOf(folder, parts, architecture, vae)
  const { max_position_embeddings: promptLength = USUAL_LENGTH } = config('text_encoder')
  const sizes = {
    side,
    latentSide: side / (vae.factor ?? USUAL_FACTOR),
    promptLength: promptLength as number,
    promptLengthOfT5: lengthOfT5(architecture, config('denoiser')),
  }
  return {
    reference,
    path: folder,
    manifest,
    index,
    scheduler,
    tokenizer,
    t5Tokenizer,
    architecture,
    side,
    vae,
    config,
    has: parts.has,
    graph: (part) => parts.graph(part, sizes),
  }
}

/**
 * The number of T5's states, as diffusers has it for Stable Diffusion 3, and as Black Forest Labs have it for FLUX.1 with and
 * without guidance.
 */
export function lengthOfT5(architecture: Architecture, { guidance_embeds: guidance = true }: PartConfig): number {
  return architecture === 'flux' && guidance ? 512 : 256
}

interface Found {
  readonly parts: Parts
  readonly scheduler: ModelLayout['scheduler']
  readonly index: ModelIndex
  readonly tokenizer: ModelLayout['tokenizer']
  readonly t5Tokenizer: ModelLayout['t5Tokenizer']
}

/** The file itself; with a manifest, the one `.safetensors` beside it. */
async function singleFileOf(path: string, hasManifest: boolean): Promise<string | undefined> {
  if (path.endsWith('.safetensors') && (await stat(path).catch(() => undefined))?.isFile()) return path
  if (!hasManifest) return undefined
  const [file] = (await readdir(path)).filter((name) => name.endsWith('.safetensors') && !isCompanion(name))
  return file && join(path, file)
}

async function filesOf(folder: string, hasManifest: boolean, loras: readonly LoraFile[]): Promise<Found> {
  const index = await readJson<ModelIndex>(join(folder, 'model_index.json'))
  if (!hasManifest && !index) {
    throw new UserError(`There is no model in ${folder}: choose one that \`models list\` names.`)
  }
  const parts = await partsOfFolder(folder, loras)
  const scheduler = await readJson<ModelLayout['scheduler']>(join(folder, 'scheduler', 'scheduler_config.json'))
  if (!hasManifest) checkParts(folder, index ?? {}, parts)
  if (!scheduler) throw lacking(folder, ['scheduler/scheduler_config.json'])
  const folderOf = (part: string) => join(folder, part.replace('text_encoder', 'tokenizer'))
  return {
    parts,
    scheduler,
    index: index ?? {},
    tokenizer: (part) => loadTokenizer(folderOf(part)),
    t5Tokenizer: (part, maxLength) => loadT5Tokenizer(folderOf(part), maxLength),
  }
}

/** @throws UserError that names everything that is missing, or for a model that only refines another one's results */
function checkParts(folder: string, index: ModelIndex, parts: Parts): void {
  if (!parts.has('denoiser')) throw noDenoiser(folder, index)
  if (index.requires_aesthetics_score) {
    throw new UserError(`The model in ${folder} is a refiner: use the base model that it belongs to.`)
  }
  if (architectureOf(folder, parts) === 'unet') refuseFurtherPictures(folder, parts)
  const encoders = (['text_encoder', 'text_encoder_2'] as const).filter((part) => index[part]?.[1])
  const missing = [...encoders, 'vae_encoder' as const, 'vae_decoder' as const].filter((part) => !parts.has(part))
  const isUnscheduled = !existsSync(join(folder, 'scheduler/scheduler_config.json'))
  const lacked = [...missing, ...(isUnscheduled ? ['scheduler/scheduler_config.json'] : [])]
  if (lacked.length > 0) throw lacking(folder, lacked)
}

const lacking = (folder: string, names: readonly string[]) =>
  new UserError(`The model in ${folder} is incomplete: download ${names.join(', ')}.`)

function noDenoiser(folder: string, { _class_name: kind }: ModelIndex): UserError {
  if (hasOtherWeights(folder)) {
    return new UserError(
      `The model in ${folder} has its weights as .bin, which may hold a program and is never opened here: get its .safetensors.`,
    )
  }
  return new UserError(
    `There is no unet or transformer in ${folder}, as model.onnx or .safetensors: ${USABLE}.${kind ? ` It is a ${kind}.` : ''}`,
  )
}

const USABLE = 'Stable Diffusion 1.x, 2.x, XL, 3 and 3.5, and FLUX.1 can be used'

/**
 * What the denoising network is, by its inputs: some exports call a transformer's folder `unet`. For weights, by the
 * class in their configuration.
 * @throws UserError if it can't be used
 */
function architectureOf(folder: string, parts: Parts): Architecture {
  const graph = parts.exported('denoiser')
  if (!graph) {
    const kind = parts.config('denoiser')?._class_name
    return kind === 'SD3Transformer2DModel' ? 'sd3' : kind === 'FluxTransformer2DModel' ? 'flux' : 'unet'
  }
  const inputs = new Set(graph.inputs.map(({ name }) => name))
  if (!inputs.has('hidden_states')) return 'unet'
  if (inputs.has('pooled_projections')) return inputs.has('img_ids') ? 'flux' : 'sd3'
  throw new UserError(`The model in ${folder} reads its prompts only through T5, which is not supported: ${USABLE}.`)
}

/**
 * The side of a picture in pixels that the denoising network was made for: from its graph if it is fixed there, else
 * from its configuration.
 * @throws UserError if pictures are not square
 */
function sideOf(
  folder: string,
  parts: Parts,
  architecture: Architecture,
  { factor = USUAL_FACTOR }: VaeConfig,
): number {
  const inputs = parts.exported('denoiser')?.inputs ?? []
  const latents = inputs.find(({ name }) => name === 'sample' || name === 'hidden_states')
  const usual = architecture === 'flux' ? USUAL_LATENT_SIDE_OF_FLUX : USUAL_LATENT_SIDE
  const stated = parts.config('denoiser')?.sample_size as number | [number, number] | undefined
  const sizes = fixedSizes(latents?.dims ?? []) ?? [stated ?? usual].flat()
  if (sizes.some((size) => size !== sizes[0] || !Number.isInteger(size))) {
    throw new UserError(`The model in ${folder} is for pictures that are not square; only square ones can be used.`)
  }
  return sizes[0]! * factor
}

/**
 * Height and width in latents: [n, channels, height, width], or for square pictures in patches of 2 × 2, [n, patches,
 * …].
 */
function fixedSizes(dims: ValueInfo['dims']): readonly number[] | undefined {
  const [, pieces, height, width] = dims
  if (dims.length === 3) return typeof pieces === 'number' ? [2 * Math.sqrt(pieces)] : undefined
  return typeof height === 'number' && typeof width === 'number' ? [height, width] : undefined
}

/**
 * If the graph leaves the number of channels open, the configuration reveals a network for inpainting, depth or
 * instructions.
 * @throws UserError
 */
function refuseFurtherPictures(folder: string, parts: Parts): void {
  const { in_channels: taken } = parts.config('denoiser') ?? {}
  const { channels = USUAL_CHANNELS } = vaeConfigOf(parts)
  if (taken === undefined || taken === channels) return
  throw new UserError(
    `The model in ${folder} takes a picture besides the prompt (its network has ${taken} channels instead of ${channels}): use the plain model that it was made from.`,
  )
}

const USUAL_LATENT_SIDE = 64
const USUAL_LATENT_SIDE_OF_FLUX = 128
const USUAL_FACTOR = 8
const USUAL_CHANNELS = 4
const USUAL_LENGTH = 77
