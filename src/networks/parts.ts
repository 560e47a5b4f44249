import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { clipText } from '../architectures/clip-text.ts'
import { unet } from '../architectures/unet.ts'
import { vaeDecoder, vaeEncoder } from '../architectures/vae.ts'
import { type Prediction, readCheckpoint } from '../checkpoints/checkpoint.ts'
import {
  clipTextConfiguration,
  type PartConfig,
  type StoredPart,
  unetConfiguration,
  vaeGroups,
} from '../checkpoints/configuration.ts'
import { hasWeights, readPart } from '../checkpoints/folder.ts'
import { type Adaptable, type LoraFile, withLoras } from '../checkpoints/lora.ts'
import { UserError } from '../errors.ts'
import type { Graph } from '../onnx/graph.ts'
import { readModel } from '../onnx/proto.ts'
import { readJson } from './json.ts'
import { clipTokenizer } from './text/tokenizer.ts'

/** The networks that a model is made of. */
export type Part = 'denoiser' | 'text_encoder' | 'text_encoder_2' | 'text_encoder_3' | 'vae_encoder' | 'vae_decoder'

/** Where networks come from, each an ONNX export or the weights of a checkpoint: the only place that knows which. */
export interface Parts {
  has(part: Part): boolean
  /** What its config.json says. */
  config(part: Part): PartConfig | undefined
  /** Of an export; of weights nothing is said before sizes are known. */
  exported(part: Part): Graph | undefined
  /** Read or built when first asked for, then kept. @throws UserError when it cannot be. */
  graph(part: Part, sizes: Sizes): Graph
}

/** What a network of weights is built for. */
export interface Sizes {
  /** Pixels of a picture, along one side. */
  readonly side: number
  /** Of latents, along one side. */
  readonly latentSide: number
  /** Tokens of a prompt. */
  readonly promptLength: number
}

/** Of a diffusers folder. */
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
    exports.set(part, graph)
    return graph
  }
  const graphOf = once((part: Part, sizes: Sizes) => {
    const own = exported(part)
    if (own && loras.some(({ parts }) => parts.has(adaptable(part)!))) throw unadaptable(folder)
    if (own) return own
    const { path, config } = found.get(part) ?? {}
    if (!path) throw new UserError(`There is no ${FOLDERS[part].at(-1)} in ${folder}: download the model again.`)
    if (!config) throw new UserError(`There is no ${join(path, 'config.json')}: download the model again.`)
    return built(part, adapted(part, { tensors: readPart(path)!, config }, loras), sizes)
  })
  return { has: (part) => found.has(part), config: (part) => found.get(part)?.config, exported, graph: graphOf }
}

/** Of a model in one file; what its files would say beside the weights is as in all models of its family. */
export function partsOfFile(file: string, loras: readonly LoraFile[], prediction?: Prediction) {
  const checkpoint = readCheckpoint(file, prediction)
  const { unet, vae, text_encoder, text_encoder_2, scheduler, padding } = checkpoint
  const found = new Map<Part, StoredPart>([
    ['denoiser', unet],
    ['vae_encoder', vae],
    ['vae_decoder', vae],
    ['text_encoder', text_encoder],
    ...(text_encoder_2 ? [['text_encoder_2', text_encoder_2] as const] : []),
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
  return { parts, scheduler, index: {}, tokenizer }
}

const FOLDERS: Readonly<Record<Part, readonly string[]>> = {
  denoiser: ['transformer', 'unet'],
  text_encoder: ['text_encoder'],
  text_encoder_2: ['text_encoder_2'],
  text_encoder_3: ['text_encoder_3'],
  vae_encoder: ['vae_encoder', 'vae'],
  vae_decoder: ['vae_decoder', 'vae'],
}

/** Whether a denoising network is there in a form that is not read. */
export const hasOtherWeights = (folder: string): boolean =>
  FOLDERS.denoiser.some((name) => {
    const path = join(folder, name)
    return existsSync(path) && readdirSync(path).some((file) => /\.(bin|msgpack|ckpt|pt)$/.test(file))
  })

/** The graph of weights, as their configuration says. @throws UserError when they are not of a kind that is known here. */
export function built(part: Part, stored: StoredPart, { side, latentSide, promptLength }: Sizes): Graph {
  const { tensors, config } = stored
  const type = isMostlyHalf(stored) ? 'float16' : 'float32'
  if (part === 'denoiser') {
    const { _class_name: kind = 'UNet2DConditionModel' } = config
    if (kind !== 'UNet2DConditionModel') {
      throw new UserError(`A ${kind} cannot be built of its weights here: export the model to ONNX as optimum does.`)
    }
    return unet(tensors, unetConfiguration(stored, { latentSide, promptLength }), type)
  }
  if (part === 'vae_encoder') return vaeEncoder(tensors, { side, groups: vaeGroups(stored) }, type)
  if (part === 'vae_decoder') return vaeDecoder(tensors, { side: latentSide, groups: vaeGroups(stored) }, type)
  if (part === 'text_encoder_3') {
    throw new UserError('T5 cannot be built of its weights here: export the model to ONNX as optimum does.')
  }
  return clipText(tensors, clipTextConfiguration(stored), type)
}

const adaptable = (part: Part): Adaptable | undefined =>
  part === 'denoiser' ? 'unet' : part === 'text_encoder' || part === 'text_encoder_2' ? part : undefined

function adapted(part: Part, stored: StoredPart, loras: readonly LoraFile[]): StoredPart {
  const changed = adaptable(part)
  return changed ? { ...stored, tensors: withLoras(stored.tensors, changed, loras) } : stored
}

const unadaptable = (folder: string) =>
  new UserError(`The model in ${folder} is an export, to which no LoRA can be added: use its .safetensors.`)

/** Numbers of two bytes are computed as half precision where the hardware is faster so. */
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
