import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import {
  conditioningErrors,
  encodingError,
  learningErrors,
  openCase,
  type PipelineCase,
  pipelinesFolder,
  samplingErrors,
} from './pipeline-case.ts'

// Folders as diffusers saves them (test/reference/checkpoints.py) and single files (single_files.py), never exported, against
// diffusers.

const scratch = await mkdtemp(join(tmpdir(), 'isto-checkpoints-'))
after(() => rm(scratch, { recursive: true }))
const checkpoints = join(import.meta.dirname, '../fixtures/checkpoints')

for (const { name, numbers } of [
  { name: 'sd15', numbers: join(pipelinesFolder, 'sd15') },
  { name: 'sd15-fp16', numbers: join(pipelinesFolder, 'sd15-fp16') },
  { name: 'sd21', numbers: join(pipelinesFolder, 'sd21') },
  { name: 'sd21-bf16', numbers: join(checkpoints, 'sd21-bf16') },
  { name: 'sdxl', numbers: join(pipelinesFolder, 'sdxl') },
  { name: 'sdxl-sharded', numbers: join(pipelinesFolder, 'sdxl-fp32') },
  { name: 'sd15-one', numbers: join(checkpoints, 'sd15-one') },
  { name: 'sd21-one', numbers: join(checkpoints, 'sd21-one') },
  { name: 'sdxl-one', numbers: join(checkpoints, 'sdxl-one') },
] as const) {
  describe(`the checkpoint ${name}`, () => {
    let opened: PipelineCase
    before(async () => {
      const folder = name.endsWith('-one') ? await unpacked(name) : join(checkpoints, name)
      opened = await openCase(name, folder, numbers, { prediction: name === 'sd21-one' ? 'v' : undefined })
    })
    after(() => opened?.model.close())

    test('samples, decodes and encodes as diffusers does', async () => {
      const { latents, decoded } = await samplingErrors(opened)
      assertSmall(latents, 1e-5)
      assertSmall(decoded, 1e-5)
      assertSmall(await encodingError(opened), 1e-5)
    })

    test('has the gradient of PyTorch, in every text encoder', async () => {
      const { loss, gradients } = await learningErrors(opened)
      assertSmall(loss, 1e-5)
      for (const error of gradients) assertSmall(error, 1e-5)
    })

    test('conditions on a difference as diffusers does', async () => {
      for (const error of await conditioningErrors(opened)) assertSmall(error, 1e-5)
    })
  })
}

/** A model in one file, beside a manifest that says how large its pictures are. */
async function unpacked(name: string): Promise<string> {
  const folder = await mkdtemp(join(scratch, 'one-'))
  const file = gunzipSync(await readFile(join(checkpoints, `${name}.safetensors.gz`)))
  await writeFile(join(folder, `${name}.safetensors`), file)
  const manifest = { name, description: '', licence: '', files: [], side: 16 }
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(manifest))
  return folder
}

const assertSmall = (error: number, most: number) => assert.ok(error <= most, `relative error ${error}`)
