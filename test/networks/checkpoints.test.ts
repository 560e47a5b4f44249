import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  conditioningErrors,
  encodingError,
  learningErrors,
  openCase,
  type PipelineCase,
  pipelinesFolder,
  samplingErrors,
} from './pipeline-case.ts'

// Folders as diffusers saves them (test/reference/checkpoints.py), never exported, against diffusers.

const checkpoints = join(import.meta.dirname, '../fixtures/checkpoints')

for (const { name, numbers } of [
  { name: 'sd15', numbers: join(pipelinesFolder, 'sd15') },
  { name: 'sd15-fp16', numbers: join(pipelinesFolder, 'sd15-fp16') },
  { name: 'sd21', numbers: join(pipelinesFolder, 'sd21') },
  { name: 'sd21-bf16', numbers: join(checkpoints, 'sd21-bf16') },
  { name: 'sdxl', numbers: join(pipelinesFolder, 'sdxl') },
  { name: 'sdxl-sharded', numbers: join(pipelinesFolder, 'sdxl-fp32') },
]) {
  describe(`the checkpoint ${name}`, () => {
    let opened: PipelineCase
    before(async () => {
      opened = await openCase(name, join(checkpoints, name), numbers)
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

const assertSmall = (error: number, most: number) => assert.ok(error <= most, `relative error ${error}`)
