import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { encodeDifference } from '../../src/engine/difference.ts'
import type { Networks } from '../../src/engine/networks.ts'
import { differenceGuidance, repeatConditioning, sample } from '../../src/engine/sampler.ts'
import { readScheduleConfig, schedule } from '../../src/engine/schedule.ts'
import { identityOf } from '../../src/networks/folder.ts'
import { loadNetworks } from '../../src/networks/load.ts'
import { sumRows } from '../../src/tensor/math.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/tensor/safetensors.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

// Whole folders as optimum lays them out, without a manifest, against diffusers (test/reference/pipelines.py).

interface Case {
  readonly prompt: string
  readonly steps: number
  readonly guidanceScale: number
  readonly learnedBehind: string
  readonly timesteps: readonly number[]
}

const fixtures = join(import.meta.dirname, '../fixtures/pipelines')
const load = (folder: string): Promise<Networks> =>
  loadNetworks({
    folder,
    learningBatch: 3,
    threads: 1,
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  })

/** ‖actual − expected‖ ÷ ‖expected‖ */
function assertNear(actual: Tensor, expected: Tensor, most: number) {
  assert.equal(actual.data.length, expected.data.length)
  const error = Math.hypot(...actual.data.map((value, index) => value - expected.data[index]!))
  const relative = error / Math.hypot(...expected.data)
  assert.ok(relative <= most, `relative error ${relative}`)
}

for (const { name, widths, tensors, channels } of [
  { name: 'sd15', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sd21', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sdxl', widths: [16, 24], tensors: ['clip_l', 'clip_g'], channels: 4 },
  { name: 'sd15-fp16', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sd15-dynamo', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sd21-base', widths: [16], tensors: ['emb_params'], channels: 4 },
  { name: 'sdxl-fp32', widths: [16, 24], tensors: ['clip_l', 'clip_g'], channels: 4 },
  { name: 'sdxl-dynamo', widths: [16, 24], tensors: ['clip_l', 'clip_g'], channels: 4 },
  { name: 'sd3', widths: [16, 24], tensors: ['clip_l', 'clip_g'], channels: 16 },
]) {
  describe(name, () => {
    let networks: Networks
    let known: Case
    let numbers: Readonly<Record<string, Tensor>>
    let tokens: Tensor[]
    before(async () => {
      known = JSON.parse(await readFile(join(fixtures, `${name}.json`), 'utf8'))
      numbers = decodeSafetensors(await readFile(join(fixtures, `${name}.safetensors`)), name).tensors
      tokens = widths.map((_, index) => numbers[`tokens ${index}`]!)
      networks = await load(join(fixtures, name))
    })
    after(() => networks?.close())

    test('says what it is', () => {
      assert.deepEqual([networks.name, networks.side, networks.latentDims], [name, 16, [channels, 8, 8]])
      assert.deepEqual(networks.tokenWidths, widths)
      assert.ok(networks.tokenNorms.every((norm) => norm > 0.1 && norm < 10))
      assert.deepEqual([networks.caption, networks.joint], [undefined, undefined])
    })

    test('a prompt and noise become the latents that diffusers makes of them', async () => {
      const guidance = await differenceGuidance(networks, known.prompt, [], known.guidanceScale)
      const [latents] = await sample(networks, [{ latents: numbers.noise!, guidance }], { steps: known.steps })
      assertNear(latents!, numbers.latents!, 1e-3)
      assertNear(await networks.decodeLatents(latents!), numbers.decoded!, 1e-3)
    })

    test('a picture becomes the latents that diffusers makes of it', async () => {
      const { data } = numbers.picture!
      assertNear(await networks.encodePicture(tensor([3, 16, 16], data)), numbers.encoded!, 1e-4)
    })

    test('one step of textual inversion has the gradient of PyTorch, in every text encoder', async () => {
      const { originals, epsilon, weight } = numbers
      const row = (value: Tensor, index: number) =>
        tensor([1, channels, 8, 8], value.data.slice(index * channels * 64, (index + 1) * channels * 64))
      const rowsOf = (make: (index: number) => Tensor) =>
        tensor([3, channels, 8, 8], Float32Array.from(known.timesteps.flatMap((_, index) => [...make(index).data])))
      const each = (what: 'addNoise' | 'target') =>
        rowsOf((index) =>
          networks.schedule[what](row(originals!, index), row(epsilon!, index), known.timesteps[index]!),
        )
      assertNear(each('addNoise'), numbers.noisy!, 1e-5)
      assertNear(each('target'), numbers.target!, 1e-5)
      const { loss, gradient } = await networks.denoisingGradient({
        latents: each('addNoise'),
        timesteps: known.timesteps,
        conditioning: repeatConditioning(await networks.encodePrompt(known.learnedBehind, tokens), 3),
        target: each('target'),
        weight: weight!,
      })
      assertNear(tensor([3], Float32Array.from(loss)), numbers.loss!, 1e-3)
      const found = await networks.promptGradient(known.learnedBehind, tokens, {
        hiddenStates: sumRows(gradient.hiddenStates),
        pooled: gradient.pooled && sumRows(gradient.pooled),
      })
      for (const [index, value] of found.entries()) assertNear(value, numbers[`gradient ${index}`]!, 1e-3)
    })

    test('a difference is written as diffusers loads it, and conditions alike in both', async () => {
      const written = decodeSafetensors(encodeSafetensors(encodeDifference({ tokens })), 'D')
      assert.deepEqual(written.tensors, Object.fromEntries(tensors.map((each, index) => [each, tokens[index]!])))
      const { hiddenStates, pooled } = await networks.encodePrompt(known.learnedBehind, tokens)
      assertNear(hiddenStates, numbers.hidden_states!, 1e-4)
      if (numbers.pooled) assertNear(pooled!, numbers.pooled, 1e-4)
    })
  })
}

describe('a folder', () => {
  let folder: string
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'isto-pipelines-'))
  })
  after(() => rm(folder, { recursive: true }))

  test('of other weights has another hash, and the same one wherever it lies', async () => {
    const [here, there, other] = ['here', 'there', 'other'].map((name) => join(folder, name))
    await symlink(join(fixtures, 'sd15'), here!)
    for (const copy of [there!, other!]) await cp(join(fixtures, 'sd15'), copy, { recursive: true })
    const path = join(other!, 'unet/model.onnx')
    const bytes = await readFile(path)
    bytes[bytes.length >> 1]! ^= 1
    await writeFile(path, bytes)
    const hashes: string[] = []
    for (const each of [here!, there!, other!]) {
      hashes.push((await identityOf(each)).hash)
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
