import assert from 'node:assert/strict'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { readScheduleConfig, schedule } from '../../../src/diffusion/schedule.ts'
import { readLayout } from '../../../src/networks/layout.ts'
import { loadModel } from '../../../src/networks/load.ts'
import { openPhotoCaptioner, type PhotoCaptioner, thingOf } from '../../../src/networks/vision/photo-captioner.ts'
import { decodeSafetensors } from '../../../src/tensor/safetensors.ts'
import type { Tensor } from '../../../src/tensor/tensor.ts'
import { modelWith } from '../../fixtures/model-with.ts'

// A small random ViT and GPT-2, exported; what transformers says with the same weights (test/reference/captioner.py).

const folder = join(import.meta.dirname, '../../fixtures/captioner')

describe('a captioner of photographs', () => {
  let captioner: PhotoCaptioner
  let said: Record<string, { readonly ids: readonly number[]; readonly text: string }>
  let pictures: Readonly<Record<string, Tensor>>
  before(async () => {
    said = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8'))
    pictures = decodeSafetensors(await readFile(join(folder, 'numbers.safetensors')), 'numbers').tensors
    captioner = openPhotoCaptioner(folder)!
  })
  after(() => captioner.close())

  for (const name of ['one', 'other']) {
    test(`says of the picture “${name}” what transformers says, word for word`, async () => {
      const { full, attributes } = await captioner.caption(pictures[name]!)
      assert.equal(full, said[name]!.text)
      assert.deepEqual(attributes, [])
    })
  }
})

test('there is none where the model came without one', () => {
  assert.equal(openPhotoCaptioner(join(folder, 'captioner')), undefined)
})

test('the thing is what stands before what it does and where it is', () => {
  for (const [caption, thing] of [
    ['a man riding a wave on top of a surfboard', 'a man'],
    ['a cat laying on a couch with another cat', 'a cat'],
    ['a group of people standing around a table', 'a group of people'],
    ['a large building with a clock tower', 'a large building'],
    ['a building', 'a building'],
    ['two dogs are playing in the snow', 'two dogs'],
    ['a red and white boat in the water', 'a red and white boat'],
    ['a smiling woman', 'a smiling woman'],
    ['flowers', 'flowers'],
    ['', ''],
  ]) {
    assert.equal(thingOf(caption!), thing)
  }
})

test('its graphs may be quantized ones, by their names', async () => {
  const model = await modelWith('sd15', 'captioner')
  const graphs = join(model.folder, 'captioner/onnx')
  for (const name of ['encoder_model', 'decoder_model_merged']) {
    await rename(join(graphs, `${name}.onnx`), join(graphs, `${name}_quantized.onnx`))
  }
  const captioner = openPhotoCaptioner(model.folder)!
  const { tensors } = decodeSafetensors(await readFile(join(folder, 'numbers.safetensors')), 'numbers')
  assert.match((await captioner.caption(tensors.one!)).full, /^stae cat/)
  await captioner.close()
  await model.remove()
})

test('one that is not whole is a sentence', async () => {
  const model = await modelWith('sd15', 'captioner')
  await rm(join(model.folder, 'captioner/config.json'))
  const captioner = openPhotoCaptioner(model.folder)!
  const { tensors } = decodeSafetensors(await readFile(join(folder, 'numbers.safetensors')), 'numbers')
  await assert.rejects(captioner.caption(tensors.one!), {
    name: 'UserError',
    message: /^The captioner in \S+captioner cannot be opened: download the model again, or do without that folder\.$/,
  })
  await captioner.close()
  await model.remove()
})

test('a model that came with one captions with it', async () => {
  const model = await modelWith('sd15', 'captioner')
  const networks = await loadModel({
    layout: await readLayout({ path: model.folder, loras: [] }),
    learningBatch: 3,
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  })
  const { tensors } = decodeSafetensors(await readFile(join(folder, 'numbers.safetensors')), 'numbers')
  const said = JSON.parse(await readFile(join(folder, 'case.json'), 'utf8'))
  const first = await networks.caption!(tensors.one!)
  assert.equal(first.full, said.one.text)
  assert.equal((await networks.caption!(tensors.other!, first)).full, said.other.text, 'each picture by itself')
  await networks.close()
  await model.remove()
})
