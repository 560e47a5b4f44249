/// <reference lib="esnext.float16" />

import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { identityOf } from '../../src/networks/identity.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { type LoadOptions, loadModel } from '../../src/networks/load.ts'
import { encodeSafetensors } from '../../src/tensor/safetensors.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import {
  checkpointNumbers,
  checkpointsFolder as checkpoints,
  loraNames,
  openCheckpoint,
  openWithLora,
} from './checkpoint-case.ts'
import {
  conditioningErrors,
  encodingError,
  learningErrors,
  openCase,
  type PipelineCase,
  pipelinesFolder,
  samplingErrors,
} from './pipeline-case.ts'

// Models that were never exported, against diffusers.

const scratch = await mkdtemp(join(tmpdir(), 'isto-checkpoints-'))
after(() => rm(scratch, { recursive: true }))

for (const name of Object.keys(checkpointNumbers)) {
  describe(`the checkpoint ${name}`, () => {
    let opened: PipelineCase
    before(async () => {
      opened = await openCheckpoint(name, scratch)
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
      // Where PyTorch's own numbers are as far off, the gradient is a small difference of large ones.
      for (const error of gradients) assertSmall(error, Math.max(1e-5, 2 * opened.known.errorOfPyTorch))
    })

    test('conditions on a difference as diffusers does', async () => {
      for (const error of await conditioningErrors(opened)) assertSmall(error, 1e-5)
    })
  })
}

for (const [name, names] of ['sd3-one', 'flux-one'].flatMap((name) =>
  loraNames.map((names) => [name, names] as const),
)) {
  test(`${name} with a LoRA under the names of ${names}: the numbers of merged weights`, async () => {
    const opened = await openWithLora(name, names, scratch)
    assertSmall((await samplingErrors(opened)).latents, 1e-5)
    const { loss, gradients } = await learningErrors(opened)
    assertSmall(loss, 1e-5)
    for (const error of gradients) assertSmall(error, Math.max(1e-5, 2 * opened.known.errorOfPyTorch))
    for (const error of await conditioningErrors(opened)) assertSmall(error, 1e-5)
    await opened.model.close()
  })
}

test('T5 of either transformer is changed by a LoRA, which other models refuse', async () => {
  const path = join(scratch, 't5-lora.safetensors')
  const layer = 'lora_te3_encoder_block_0_layer_0_SelfAttention_q'
  const matrices = { lora_down: tensor([2, 48]), lora_up: tensor([32, 2]) }
  const pieces = Object.entries(matrices).map(([role, matrix]) => [`${layer}.${role}.weight`, matrix])
  await writeFile(path, encodeSafetensors({ tensors: Object.fromEntries(pieces), metadata: {} }))
  const layoutOf = (name: string) => readLayout({ path: join(checkpoints, name), loras: [{ path, strength: 1 }] })
  for (const [name, part] of [
    ['sd3', 'text_encoder_3'],
    ['flux', 'text_encoder_2'],
  ] as const) {
    const { nodes } = (await layoutOf(name)).graph(part)
    assert.ok(nodes.some(({ inputs }) => inputs.some((each) => each.endsWith('SelfAttention.q.lora.0.up'))))
  }
  await assert.rejects(layoutOf('sdxl'), /changes a text_encoder_3, which this model does not have/)
})

test('the same weights are the same model as an export, a folder, in half precision, and in one file', async () => {
  const hashOf = async (path: string, prediction?: 'v') =>
    identityOf(await readLayout({ path, loras: [], prediction })).hash
  const folder = (name: string) => join(checkpoints, name)
  const exported = (name: string) => join(pipelinesFolder, name)
  assert.equal(await hashOf(folder('sd15')), await hashOf(exported('sd15')))
  assert.equal(await hashOf(folder('sd21')), await hashOf(exported('sd21')))
  assert.equal(await hashOf(folder('sdxl')), await hashOf(exported('sdxl')))
  assert.equal(await hashOf(folder('sd3')), await hashOf(exported('sd3')))

  const half = join(scratch, 'half')
  await cp(folder('sd15'), half, { recursive: true })
  for (const part of ['unet', 'text_encoder']) {
    const [file] = (await readdir(join(half, part))).filter((name) => name.endsWith('.safetensors'))
    await writeFile(join(half, part, file!), inHalf(await readFile(join(half, part, file!))))
  }
  assert.equal(await hashOf(half), await hashOf(folder('sd15')))
})

/** A file of float32 in float16. */
function inHalf(bytes: Buffer): Buffer {
  const end = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, end))
  delete header.__metadata__
  for (const entry of Object.values<{ dtype: string; data_offsets: number[] }>(header)) {
    assert.equal(entry.dtype, 'F32')
    Object.assign(entry, { dtype: 'F16', data_offsets: entry.data_offsets.map((offset) => offset / 2) })
  }
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const numbers = new Float32Array(new Uint8Array(bytes.subarray(end)).buffer)
  return Buffer.concat([length, json, Buffer.from(Float16Array.from(numbers).buffer)])
}

test('two models of one architecture have one gradient graph', async () => {
  const cacheFolder = join(scratch, 'cache')
  const other = join(scratch, 'other')
  await cp(join(checkpoints, 'sd15'), other, { recursive: true })
  const { model, ...of } = await openCase('sd15', other, join(pipelinesFolder, 'sd15'))
  await model.close()
  for (const path of [join(checkpoints, 'sd15'), other]) {
    const layout = await readLayout({ path, loras: [] })
    const readSchedule: LoadOptions['readSchedule'] = (config) => schedule(readScheduleConfig(config))
    const kept = await loadModel({ layout, learningBatch: 3, cacheFolder, readSchedule })
    const { gradients } = await learningErrors({ ...of, model: kept })
    for (const error of gradients) assertSmall(error, 1e-5)
    await kept.close()
    assert.equal((await readdir(cacheFolder)).length, 2, 'of the UNet and of the text encoder')
  }
})

const assertSmall = (error: number, most: number) => assert.ok(error <= most, `relative error ${error}`)
