import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { StoredTensor, Tensors } from '../architectures/tensors.ts'
import { UserError } from '../errors.ts'
import { readSafetensorsIndex } from './safetensors.ts'

/**
 * The tensors of one part of a diffusers folder, such as `unet/`, by diffusers' current names: the plain file, or one of its
 * variants (`.fp16` first, the moving average's weights before `.non_ema`), in one piece or in shards.
 * @returns undefined if it has no `.safetensors`
 * @throws UserError if they are damaged, or shards are missing
 */
export function readPart(folder: string): Tensors | undefined {
  const path = weightsOf(folder)
  if (!path) return undefined
  const found = path.endsWith('.json') ? readShards(path, folder) : readSafetensorsIndex(path).tensors
  return new Map([...found].map(([name, tensor]) => [presentName(name), tensor]))
}

/** Whether `readPart` finds anything there. */
export const hasWeights = (folder: string): boolean => weightsOf(folder) !== undefined

function weightsOf(folder: string): string | undefined {
  const names = existsSync(folder) ? readdirSync(folder) : []
  const found = names.flatMap((name) => {
    const variant = WEIGHTS.exec(name)
      ?.slice(1, 4)
      .find((each) => each !== undefined)
    return WEIGHTS.test(name) ? [{ name, variant: variant ?? '' }] : []
  })
  const best = found.toSorted((one, other) => rank(one.variant) - rank(other.variant))[0]
  return best && join(folder, best.name)
}

/** `model.safetensors`, `model.fp16.safetensors`; `….index.json` of shards, where the variant stands before or behind. */
const WEIGHTS = /^(?:diffusion_pytorch_)?model(?:\.(\w+))?\.safetensors(?:\.index(?:\.(\w+))?\.json)?$/

const VARIANTS = ['', 'fp16', 'bf16', 'ema', 'fp32']

/** `.non_ema` and unknown variants come last. */
const rank = (variant: string) => (VARIANTS.includes(variant) ? VARIANTS.indexOf(variant) : VARIANTS.length)

function readShards(path: string, folder: string): Tensors {
  const fileOf = readFileNames(path)
  const shards = new Map([...new Set(Object.values(fileOf))].map((file) => [file, readShard(path, folder, file)]))
  return new Map(
    Object.entries(fileOf).map(([name, file]): [string, StoredTensor] => {
      const found = shards.get(file)!.get(name)
      if (!found) throw new UserError(`${join(folder, file)} lacks the weight ${name}: download the model again.`)
      return [name, found]
    }),
  )
}

function readFileNames(path: string): Record<string, string> {
  try {
    const { weight_map: fileOf } = JSON.parse(readFileSync(path, 'utf8'))
    if (Object.values(fileOf).every((file) => typeof file === 'string')) return fileOf
  } catch (cause) {
    throw new UserError(`${path} is damaged: download it again.`, {}, { cause })
  }
  throw new UserError(`${path} is damaged: download it again.`)
}

function readShard(path: string, folder: string, file: string): Tensors {
  if (file !== basename(file) || file.startsWith('.')) {
    throw new UserError(`${path} names weights outside its folder (${file}); this model cannot be used.`)
  }
  return readSafetensorsIndex(join(folder, file)).tensors
}

/** The autoencoder's attention had other names when Stable Diffusion 1 was published. */
function presentName(name: string): string {
  const old = /^(.*\.attentions\.\d+)\.(query|key|value|proj_attn)\.(weight|bias)$/.exec(name)
  return old ? `${old[1]}.${PRESENT[old[2]!]}.${old[3]}` : name
}

const PRESENT: Readonly<Record<string, string>> = { query: 'to_q', key: 'to_k', value: 'to_v', proj_attn: 'to_out.0' }
