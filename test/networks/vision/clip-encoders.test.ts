import assert from 'node:assert/strict'
import { cp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { DiffusionModel } from '../../../src/diffusion/model.ts'
import { readScheduleConfig, schedule } from '../../../src/diffusion/schedule.ts'
import { readLayout } from '../../../src/networks/layout.ts'
import { loadModel } from '../../../src/networks/load.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { modelWith } from '../../fixtures/model-with.ts'
import { checkpointsFolder } from '../checkpoint-case.ts'
import { readNumbers, relativeError, visionFixtures } from './vision-case.ts'

// CLIP's clipEncoders as transformers.js' exports have them, beside a model that came without; against transformers.

const numbers = await readNumbers()
const PROMPT = 'a cat, flat style, on a teal background'
const LEARNED_BEHIND = 'a small dog'

const load = async (folder: string): Promise<DiffusionModel> =>
  loadModel({
    layout: await readLayout({ path: folder, loras: [] }),
    learningBatch: 3,
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  })

describe('the joint space of a model with one text encoder', () => {
  let model: Awaited<ReturnType<typeof modelWith>>
  let networks: DiffusionModel
  before(async () => {
    model = await modelWith('sd15')
    await cp(join(visionFixtures, 'joint'), join(model.folder, 'joint'), { recursive: true })
    networks = await load(model.folder)
  })
  after(async () => {
    await networks?.close()
    await model.remove()
  })

  test('of a prompt', async () => {
    const embeds = await networks.joint!.embedText(PROMPT)
    assert.deepEqual(embeds.dims, [12])
    assert.ok(relativeError(embeds, numbers.prompt_embeds!) < 1e-4)
  })

  test('of a prompt with difference tokens, and the gradient with respect to them', async () => {
    const { tokens, cotangent, learned_embeds, gradient } = numbers
    assert.ok(relativeError(await networks.joint!.embedText(LEARNED_BEHIND, [tokens!]), learned_embeds!) < 1e-4)
    const [found] = await networks.joint!.textGradient(LEARNED_BEHIND, [tokens!], cotangent!)
    assert.deepEqual(found!.dims, [3, 16])
    assert.ok(relativeError(found!, gradient!) < 1e-4)
  })

  test('of a picture, resized and normed as the tower wants it', async () => {
    const embeds = await networks.joint!.embedPicture(numbers.picture!)
    assert.deepEqual(embeds.dims, [12])
    assert.ok(relativeError(embeds, numbers.image_embeds!) < 1e-4)
  })
})

test('with two text encoders only the first one’s tokens have a part in it', async () => {
  const model = await modelWith('sdxl')
  await cp(join(visionFixtures, 'joint'), join(model.folder, 'joint'), { recursive: true })
  const networks = await load(model.folder)
  const { tokens, cotangent, learned_embeds, gradient } = numbers
  const both = [
    tokens!,
    tensor(
      [3, 24],
      Float32Array.from({ length: 72 }, () => 0.3),
    ),
  ]
  assert.ok(relativeError(await networks.joint!.embedText(LEARNED_BEHIND, both), learned_embeds!) < 1e-4)
  const [first, second] = await networks.joint!.textGradient(LEARNED_BEHIND, both, cotangent!)
  assert.ok(relativeError(first!, gradient!) < 1e-4)
  assert.deepEqual(second, tensor([3, 24]))
  await networks.close()
  await model.remove()
})

test('CLIP whole, as transformers saves it, does for a model of the same CLIP', async () => {
  const model = await modelWith('sd21')
  const joint = join(model.folder, 'joint')
  await cp(join(checkpointsFolder, 'clip'), joint, { recursive: true })
  await writeFile(join(joint, 'preprocessor_config.json'), JSON.stringify({ size: 32, crop_size: 32 }))
  const networks = await load(model.folder)
  const embeds = await networks.joint!.embedPicture(numbers.picture!)
  assert.deepEqual(embeds.dims, [12])
  const { tokens } = numbers
  const [told, plain] = [await networks.joint!.embedText('a', [tokens!]), await networks.joint!.embedText('a')]
  assert.ok(relativeError(told, plain) > 0.1)
  // A small step along the gradient raises the product by as much as the gradient says.
  const [gradient] = await networks.joint!.textGradient('a', [tokens!], told)
  const step = 1e-3 / Math.hypot(...gradient!.data)
  const moved = tensor(
    tokens!.dims,
    tokens!.data.map((value, index) => value + step * gradient!.data[index]!),
  )
  const after = await networks.joint!.embedText('a', [moved])
  const rise = after.data.reduce((sum, value, index) => sum + (value - told.data[index]!) * told.data[index]!, 0)
  assert.ok(Math.abs(rise / (step * Math.hypot(...gradient!.data) ** 2) - 1) < 0.02, `${rise}`)
  await networks.close()
  await model.remove()
})

test('encoders of another CLIP are refused with a sentence', async () => {
  const model = await modelWith('sdxl')
  await cp(join(visionFixtures, 'joint'), join(model.folder, 'joint'), { recursive: true })
  const tower = join(model.folder, 'joint/text_encoder/model.onnx')
  await rm(tower)
  await cp(join(model.folder, 'text_encoder_2/model.onnx'), tower)
  await assert.rejects(load(model.folder), {
    name: 'UserError',
    message: /belongs to another CLIP than the model: its tokens have 24 numbers, the model’s 16\.$/,
  })
  await model.remove()
})
