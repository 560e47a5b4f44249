import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
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

export const isOneFile = (name: string): boolean => name.endsWith('-one')

/** Of Stable Diffusion 2 a single file does not say it. */
export const predictionOf = (name: string) => (name === 'sd21-one' ? 'v' : undefined)

/** A model in one file, beside a manifest that says how large its pictures are. */
async function unpacked(name: string, scratch: string): Promise<string> {
  const folder = await mkdtemp(join(scratch, 'one-'))
  await writeFile(join(folder, `${name}.safetensors`), gunzipSync(await readFile(own(`${name}.safetensors.gz`))))
  const manifest = { name, description: '', licence: '', files: [], side: 16 }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  return folder
}
