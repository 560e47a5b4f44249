import { copyFile, mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { openCase, type PipelineCase, pipelinesFolder } from './pipeline-case.ts'

// Folders as diffusers saves them (test/reference/checkpoints.py) and single files (single_files.py), with the numbers that
// diffusers computes of the same weights.

export const checkpointsFolder = join(import.meta.dirname, '../fixtures/checkpoints')

const own = (name: string) => join(checkpointsFolder, name)
const ofExport = (name: string) => join(pipelinesFolder, name)

/** Where the numbers of a checkpoint are. */
export const checkpointNumbers: Readonly<Record<string, string>> = {
  sd15: ofExport('sd15'),
  'sd15-fp16': ofExport('sd15-fp16'),
  sd21: ofExport('sd21'),
  'sd21-bf16': own('sd21-bf16'),
  sdxl: ofExport('sdxl'),
  'sdxl-sharded': ofExport('sdxl-fp32'),
  sd3: ofExport('sd3'),
  flux: ofExport('flux'),
  'sd15-one': own('sd15-one'),
  'sd21-one': own('sd21-one'),
  'sdxl-one': own('sdxl-one'),
  'sd3-one': own('sd3-one'),
  'flux-one': own('flux-one'),
}

/** @param scratch Where a single file is unpacked, in a folder of its own. */
export async function openCheckpoint(
  name: string,
  scratch: string,
): Promise<PipelineCase & { readonly folder: string }> {
  const folder = isOneFile(name) ? await unpacked(name, scratch) : own(name)
  const opened = await openCase(name, folder, checkpointNumbers[name]!, { prediction: predictionOf(name) })
  return { ...opened, folder }
}

/** What test/reference/loras.py made for single files of transformers, under the names of two programs. */
export const loraNames = ['kohya', 'diffusers'] as const

/** Such a file with a LoRA, and the numbers of weights into which it was merged. */
export async function openWithLora(name: string, names: (typeof loraNames)[number], scratch: string) {
  const folder = await unpacked(name, scratch)
  const numbersAt = join(lorasFolder, name)
  const { strength } = JSON.parse(await readFile(`${numbersAt}.json`, 'utf8'))
  return openCase(name, folder, numbersAt, { loras: [{ path: `${numbersAt}-${names}.safetensors`, strength }] })
}

const lorasFolder = join(import.meta.dirname, '../fixtures/loras')

export const hasLoras = (name: string): boolean => name === 'sd3-one' || name === 'flux-one'

export const isOneFile = (name: string): boolean => name.endsWith('-one')

/** Of Stable Diffusion 2 a single file does not say it. */
export const predictionOf = (name: string) => (name === 'sd21-one' ? 'v' : undefined)

/** A model in one file, with a manifest that says how large its pictures are. */
async function unpacked(name: string, scratch: string): Promise<string> {
  const folder = await mkdtemp(join(scratch, 'one-'))
  await writeFile(join(folder, `${name}.safetensors`), await fileOf(name))
  const manifest = { name, description: '', licence: '', files: [], side: 16 }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  if (name === 'sd3-one' || name === 'flux-one') {
    await copyFile(join(checkpointsFolder, '../tokenizer/t5/tokenizer.json'), join(folder, 'tokenizer.json'))
  }
  if (name === 'flux-one') await writeCompanions(folder)
  return folder
}

const fileOf = async (name: string) => gunzipSync(await readFile(own(`${name}.safetensors.gz`)))

/** What is published apart from FLUX's transformer; the numbers are those of `sd3-one`. */
async function writeCompanions(folder: string): Promise<void> {
  const whole = await fileOf('sd3-one')
  for (const [name, prefix] of [
    ['ae', 'first_stage_model.'],
    ['clip_l', 'text_encoders.clip_l.transformer.'],
    ['t5xxl_fp16', 'text_encoders.t5xxl.transformer.'],
  ] as const) {
    await writeFile(join(folder, `${name}.safetensors`), withPrefix(whole, prefix))
  }
}

/** A file of the tensors with that prefix, without it. */
function withPrefix(file: Buffer, prefix: string): Buffer {
  const start = 8 + Number(file.readBigUInt64LE())
  const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(file.toString('utf8', 8, start))
  const parts: Buffer[] = []
  let at = 0
  const kept = Object.entries(header).flatMap(([name, entry]) => {
    if (!name.startsWith(prefix)) return []
    const [from, to] = entry.data_offsets
    parts.push(file.subarray(start + from, start + to))
    at += to - from
    return [[name.slice(prefix.length), { ...entry, data_offsets: [at - (to - from), at] }]]
  })
  const json = Buffer.from(JSON.stringify(Object.fromEntries(kept)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, ...parts])
}
