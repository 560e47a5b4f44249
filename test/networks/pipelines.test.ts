import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { encodeDifference } from '../../src/engine/difference.ts'
import { identityOf } from '../../src/networks/identity.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { readModel } from '../../src/onnx/proto.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/tensor/safetensors.ts'
import {
  conditioningErrors,
  encodingError,
  learningErrors,
  load,
  lossOverSteps,
  openCase,
  type PipelineCase,
  pipelinesFolder,
  samplingErrors,
} from './pipeline-case.ts'

// Whole folders as optimum lays them out, without a manifest, against diffusers (test/reference/pipelines.py).

for (const { name, widths, tensors, channels } of [
  { name: 'sd15', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sd21', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sdxl', widths: [16, 24], tensors: ['clip_l', 'clip_g'], channels: 4 },
  { name: 'sd15-fp16', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sd15-dynamo', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sd21-base', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sdxl-fp32', widths: [16, 24], tensors: ['clip_l', 'clip_g'], channels: 4 },
  { name: 'sdxl-dynamo', widths: [16, 24], tensors: ['clip_l', 'clip_g'], channels: 4 },
  { name: 'sd3', widths: [16, 24, 48], tensors: ['clip_l', 'clip_g', 't5xxl'], channels: 16 },
  { name: 'flux', widths: [16, 48], tensors: ['clip_l', 't5xxl'], channels: 16 },
]) {
  describe(name, () => {
    let opened: PipelineCase
    before(async () => {
      opened = await openCase(name)
    })
    after(() => opened?.model.close())

    test('says what it is', () => {
      const { model } = opened
      assert.deepEqual([model.name, model.side, model.latentDims], [name, 16, [channels, 8, 8]])
      assert.deepEqual(model.tokenWidths, widths)
      assert.ok(model.tokenNorms.every((norm) => norm > 0.1 && norm < 10))
      assert.deepEqual([model.caption, model.joint], [undefined, undefined])
    })

    test('a prompt and noise become the latents that diffusers makes of them', async () => {
      const { latents, decoded } = await samplingErrors(opened)
      assertSmall(latents, 1e-3)
      assertSmall(decoded, 1e-3)
    })

    test('a picture becomes the latents that diffusers makes of it', async () => {
      assertSmall(await encodingError(opened), 1e-4)
    })

    test('one step of textual inversion has the gradient of PyTorch, in every text encoder', async () => {
      const { noisy, target, loss, gradients } = await learningErrors(opened)
      assertSmall(noisy, 1e-5)
      assertSmall(target, 1e-5)
      assertSmall(loss, 1e-3)
      assert.equal(gradients.length, widths.length)
      for (const error of gradients) assertSmall(error, 1e-3)
    })

    test('the loss falls as it is learned', async () => {
      const { first, last } = await lossOverSteps(opened, 10)
      assert.ok(last < 0.99 * first, `${first} to ${last}`)
    })

    test('a difference is written as diffusers loads it, and conditions alike in both', async () => {
      const { tokens, model } = opened
      const { tokenNames } = model
      const written = decodeSafetensors(encodeSafetensors(encodeDifference({ tokens, tokenNames })), 'D')
      assert.deepEqual(written.tensors, Object.fromEntries(tensors.map((each, index) => [each, tokens[index]!])))
      for (const error of await conditioningErrors(opened)) assertSmall(error, 1e-4)
    })
  })
}

const assertSmall = (error: number, most: number) => assert.ok(error <= most, `relative error ${error}`)

describe('a folder', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isto-pipelines-'))
  })
  after(() => rm(folder, { recursive: true }))

  test('of other weights has another hash, and the same one wherever it lies', async () => {
    const [here, there, other] = ['here', 'there', 'other'].map((name) => join(folder, name))
    await symlink(join(pipelinesFolder, 'sd15'), here!)
    for (const copy of [there!, other!]) await cp(join(pipelinesFolder, 'sd15'), copy, { recursive: true })
    const path = join(other!, 'unet/model.onnx')
    const bytes = await readFile(path)
    const matrix = [...readModel(path).constants.values()].find(({ dims }) => `${dims}` === '8,8')!
    bytes[bytes.indexOf(matrix.data as Uint8Array) + 3]! ^= 1
    await writeFile(path, bytes)
    const hashes: string[] = []
    for (const each of [here!, there!, other!]) {
      hashes.push(identityOf(await readLayout({ path: each, loras: [] })).hash)
    }
    assert.equal(hashes[0], hashes[1])
    assert.notEqual(hashes[0], hashes[2])
  })

  test('that is no model, or one of another kind, is refused with a sentence', async () => {
    await assert.rejects(load(folder), { name: 'UserError', message: /There is no model in/ })
    await writeFile(join(folder, 'model_index.json'), '{"_class_name": "FluxPipeline"}')
    await assert.rejects(load(folder), { name: 'UserError', message: /There is no unet.*FluxPipeline/ })
    await writeFile(join(folder, 'model_index.json'), '{')
    await assert.rejects(load(folder), { name: 'UserError', message: /model_index\.json is damaged/ })
  })
})
