import { existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { clipText } from '../architectures/clip-text.ts'
import { flux } from '../architectures/flux.ts'
import { mmdit } from '../architectures/mmdit.ts'
import { t5 } from '../architectures/t5.ts'
import { unet } from '../architectures/unet.ts'
import { vaeDecoder, vaeEncoder } from '../architectures/vae.ts'
import { type Prediction, readCheckpoint } from '../checkpoints/checkpoint.ts'
import {
  clipTextConfiguration,
  fluxConfiguration,
  mmditConfiguration,
  type PartConfig,
  type StoredPart,
  t5Configuration,
  unetConfiguration,
  vaeGroups,
} from '../checkpoints/configuration.ts'
import { hasWeights, readPart } from '../checkpoints/folder.ts'
import { type Adaptable, type LoraFile, withLoras } from '../checkpoints/lora.ts'
import { UserError } from '../errors.ts'
import type { Graph } from '../onnx/graph.ts'
import { readModel } from '../onnx/proto.ts'
import { readJson } from './json.ts'
import { loadT5Tokenizer } from './text/t5-tokenizer.ts'
import { clipTokenizer } from './text/tokenizer.ts'

/** The networks that a model is made of. */
export type Part = 'denoiser' | 'text_encoder' | 'text_encoder_2' | 'text_encoder_3' | 'vae_encoder' | 'vae_decoder'

/** The sources of the networks, each an ONNX export or the weights of a checkpoint. Nothing else knows which. */
export interface Parts {
  has(part: Part): boolean
  /** The content of its config.json. */
  config(part: Part): PartConfig | undefined
  /** For an export; of weights nothing is known before sizes are given. */
  exported(part: Part): Graph | undefined
  /** Read or built when first asked for, then kept. @throws UserError if it can't be */
  graph(part: Part, sizes: Sizes): Graph
}

/** The sizes for which a network of weights is built. */
export interface Sizes {
  /** The side of a picture in pixels. */
  readonly side: number
  /** The side of the latents. */
  readonly latentSide: number
  /** The number of tokens in a prompt that CLIP reads. */
  readonly promptLength: number
  /** The number of tokens in a prompt that T5 reads. */
  readonly promptLengthOfT5: number
}

/** The parts of a diffusers folder. */
export async function partsOfFolder(folder: string, loras: readonly LoraFile[]): Promise<Parts> {
  const found = new Map<Part, { readonly path: string; readonly isExport: boolean; readonly config?: PartConfig }>()
  for (const [part, names] of Object.entries(FOLDERS) as [Part, readonly string[]][]) {
    const exported = names.find((name) => existsSync(join(folder, name, 'model.onnx')))
    const name = exported ?? names.find((each) => hasWeights(join(folder, each)))
    if (!name) continue
    const path = join(folder, name)
    const config = await readJson<PartConfig>(join(path, 'config.json'))
    found.set(part, { path, isExport: exported !== undefined, config })
  }
  const exports = new Map<Part, Graph>()
  const exported = (part: Part) => {
    const { path, isExport } = found.get(part) ?? {}
    if (!path || !isExport) return undefined
    const graph = exports.get(part) ?? readModel(join(path, 'model.onnx'))
    refuseFused(graph, path)
    exports.set(part, graph)
    return graph
  }
  const graphOf = once((part: Part, sizes: Sizes) => {
    const own = exported(part)
    const { path, config } = found.get(part) ?? {}
    if (own && loras.some(({ parts }) => adaptable(part, config).some((each) => parts.has(each)))) {
      throw unadaptable(folder)
    }
    if (own) return own
    if (!path) throw new UserError(`There is no ${FOLDERS[part].at(-1)} in ${folder}: download the model again.`)
    if (!config) throw new UserError(`There is no ${join(path, 'config.json')}: download the model again.`)
    return built(part, adapted(part, { tensors: readPart(path)!, config }, loras), sizes)
  })
  return { has: (part) => found.has(part), config: (part) => found.get(part)?.config, exported, graph: graphOf }
}

/** The parts of a model in one file. What other files would say is the same for all models of its family. */
export function partsOfFile(file: string, loras: readonly LoraFile[], prediction?: Prediction) {
  const checkpoint = readCheckpoint(file, prediction)
  const { denoiser, vae, scheduler, padding } = checkpoint
  const encoders = (['text_encoder', 'text_encoder_2', 'text_encoder_3'] as const).flatMap((part) => {
    const stored = checkpoint[part]
    return stored ? [[part, stored] as const] : []
  })
  const found = new Map<Part, StoredPart>([
    ['denoiser', denoiser],
    ['vae_encoder', vae],
    ['vae_decoder', vae],
    ...encoders,
  ])
  const graph = once((part: Part, sizes: Sizes) => {
    const stored = found.get(part)
    if (!stored) throw new UserError(`There is no ${part} in ${file}: get the whole model.`)
    return built(part, adapted(part, stored, loras), sizes)
  })
  const parts: Parts = {
    has: (part) => found.has(part),
    config: (part) => found.get(part)?.config,
    exported: () => undefined,
    graph,
  }
  const tokenizer = (part: 'text_encoder' | 'text_encoder_2') =>
    clipTokenizer(padding[part === 'text_encoder' ? 0 : 1]!)
  const t5Tokenizer = (_: string, maxLength: number) => loadT5Tokenizer(dirname(file), maxLength)
  return { parts, scheduler, index: {}, tokenizer, t5Tokenizer }
}

/** @throws UserError for an export that ONNX Runtime or Olive has rewritten for one of its own devices */
function refuseFused({ nodes }: Graph, path: string): void {
  const fused = nodes.find(({ domain }) => domain.startsWith('com.microsoft'))
  if (!fused) return
  throw new UserError(
    `${path} was rewritten by ONNX Runtime or Olive (it has the operator ${fused.operator} of its own): use the plain export, or the model’s .safetensors.`,
  )
}

const FOLDERS: Readonly<Record<Part, readonly string[]>> = {
  denoiser: ['transformer', 'unet'],
  text_encoder: ['text_encoder'],
  text_encoder_2: ['text_encoder_2'],
  text_encoder_3: ['text_encoder_3'],
  vae_encoder: ['vae_encoder', 'vae'],
  vae_decoder: ['vae_decoder', 'vae'],
}

/** Whether there is a denoising network in a form that can't be read. */
export const hasOtherWeights = (folder: string): boolean =>
  FOLDERS.denoiser.some((name) => {
    const path = join(folder, name)
    return existsSync(path) && readdirSync(path).some((file) => /\.(bin|msgpack|ckpt|pt)$/.test(file))
  })

/** The graph for weights, as their configuration says. @throws UserError if their kind is not supported */
export function built(part: Part, stored: StoredPart, sizes: Sizes): Graph {
  const { tensors, config } = stored
  const { side, latentSide } = sizes
  const type = isMostlyHalf(stored) ? 'float16' : 'float32'
  if (part === 'denoiser') return builtDenoiser(stored, sizes, type)
  if (part === 'vae_encoder') return vaeEncoder(tensors, { side, groups: vaeGroups(stored) }, type)
  if (part === 'vae_decoder') return vaeDecoder(tensors, { side: latentSide, groups: vaeGroups(stored) }, type)
  // Its states leave the range of half precision.
  if (config.model_type === 't5') return t5(tensors, t5Configuration(stored, sizes.promptLengthOfT5))
  return clipText(tensors, clipTextConfiguration(stored), type)
}

function builtDenoiser(stored: StoredPart, sizes: Sizes, type: 'float32' | 'float16'): Graph {
  const { tensors, config } = stored
  const { latentSide, promptLength, promptLengthOfT5 } = sizes
  const { _class_name: kind = 'UNet2DConditionModel' } = config
  if (kind === 'UNet2DConditionModel') {
    return unet(tensors, unetConfiguration(stored, { latentSide, promptLength }), type)
  }
  if (kind === 'SD3Transformer2DModel') {
    const all = promptLength + promptLengthOfT5
    return mmdit(tensors, mmditConfiguration(stored, { latentSide, promptLength: all }), type)
  }
  if (kind === 'FluxTransformer2DModel') {
    return flux(tensors, fluxConfiguration(stored, { latentSide, promptLength: promptLengthOfT5 }), type)
  }
  throw new UserError(`A ${kind} can’t be built from its weights here: export the model to ONNX as optimum does.`)
}

/** What of a model LoRAs can change. */
export const adaptableParts = ({ has, config }: Parts): ReadonlySet<Adaptable> =>
  new Set((Object.keys(FOLDERS) as Part[]).flatMap((part) => (has(part) ? adaptable(part, config(part)) : [])))

/** As what LoRAs know it. T5 is the third text encoder to them, and in FLUX.1 to some the second. */
function adaptable(part: Part, config: PartConfig | undefined): readonly Adaptable[] {
  if (part === 'denoiser') return ['unet']
  if (part === 'vae_encoder' || part === 'vae_decoder') return []
  return part === 'text_encoder_2' && config?.model_type === 't5' ? [part, 'text_encoder_3'] : [part]
}

function adapted(part: Part, stored: StoredPart, loras: readonly LoraFile[]): StoredPart {
  const tensors = adaptable(part, stored.config).reduce(
    (found, changed) => withLoras(found, changed, loras),
    stored.tensors,
  )
  return { ...stored, tensors }
}

const unadaptable = (folder: string) =>
  new UserError(`The model in ${folder} is an export, to which no LoRA can be added: use its .safetensors.`)

/** Numbers of two bytes are computed in half precision if the hardware is faster that way. */
function isMostlyHalf({ tensors }: StoredPart): boolean {
  const half = [...tensors.values()].filter(({ type }) => type === 'float16' || type === 'bfloat16')
  return half.length > tensors.size / 2
}

function once<Key, More extends unknown[], Value>(make: (key: Key, ...more: More) => Value) {
  const known = new Map<Key, Value>()
  return (key: Key, ...more: More): Value => {
    const value = known.get(key) ?? make(key, ...more)
    known.set(key, value)
    return value
  }
}
