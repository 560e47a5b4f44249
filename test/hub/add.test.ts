import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { addModel } from '../../src/hub/add.ts'
import { findFaults, findModel, isUnfetched } from '../../src/hub/catalog.ts'
import { pullModel } from '../../src/hub/pull.ts'
import { type LoopbackHub, startHub } from '../loopback/hub.ts'

const weights = (letter: string) => Buffer.alloc(5000, letter)
const folder = {
  'model_index.json': Buffer.from('{}'),
  'README.md': Buffer.from('words'),
  'scheduler/scheduler_config.json': Buffer.from('{}'),
  'tokenizer/vocab.json': Buffer.from('{}'),
  'unet/config.json': Buffer.from('{}'),
  'unet/diffusion_pytorch_model.safetensors': weights('a'),
  'unet/diffusion_pytorch_model.fp16.safetensors': weights('b'),
  'unet/diffusion_pytorch_model.non_ema.safetensors': weights('c'),
  'unet/diffusion_pytorch_model.bin': weights('d'),
  'unet/model.onnx': weights('e'),
  'vae/config.json': Buffer.from('{}'),
  'vae/diffusion_pytorch_model.safetensors': weights('f'),
  'text_encoder/model-00001-of-00002.safetensors': weights('g'),
  'text_encoder/model-00002-of-00002.safetensors': weights('h'),
  'text_encoder/model.safetensors.index.json': Buffer.from('{}'),
  'whole.safetensors': weights('i'),
}

let models: string
let hub: LoopbackHub
before(async () => {
  models = await mkdtemp(join(tmpdir(), 'isto-add-'))
  hub = await startHub(folder, {
    'some/one': { 'model.safetensors': weights('j'), 'README.md': Buffer.from('') },
    'some/many': { 'one.safetensors': weights('k'), 'other.safetensors': weights('l') },
    'some/none': { 'unet/model.onnx': weights('m') },
  })
})
after(async () => {
  await hub.close()
  await rm(models, { recursive: true })
})

const options = () => ({ url: hub.url, signal: new AbortController().signal })
const add = (address: string) => addModel(address, models, options())
const pull = async (name: string) =>
  pullModel(await findModel(join(models, name), models), { ...options(), onProgress: () => {} })

test('a diffusers folder: half precision where there is some, shards, configurations, and nothing for other programs', async () => {
  const model = await add('hf:somebody/tiny-onnx')
  assert.equal(model.name, 'tiny-onnx')
  assert.match(model.licence, /^openrail, http.*\/somebody\/tiny-onnx$/)
  assert.ok(await isUnfetched(model))
  const wanted = model.sources![0]!.wanted.map(({ path }) => path)
  assert.deepEqual(wanted.sort(), [
    'model_index.json',
    'scheduler/scheduler_config.json',
    'text_encoder/model-00001-of-00002.safetensors',
    'text_encoder/model-00002-of-00002.safetensors',
    'text_encoder/model.safetensors.index.json',
    'tokenizer/vocab.json',
    'unet/config.json',
    'unet/diffusion_pytorch_model.fp16.safetensors',
    'vae/config.json',
    'vae/diffusion_pytorch_model.safetensors',
  ])
  assert.equal((await pull('tiny-onnx')).fetched, wanted.length)
  assert.deepEqual(await findFaults(await add('hf:somebody/tiny-onnx')), [], 'added again it is the same')
})

test('one checkpoint, by its repository or by its own address', async () => {
  await add('hf:some/one')
  assert.equal((await pull('one')).fetched, 1)
  const { name } = await add(`${hub.url}/some/many/resolve/main/other.safetensors?download=true`)
  assert.equal(name, 'other')
  await pull('other')
  assert.deepEqual(await readFile(join(models, 'other', 'other.safetensors')), weights('l'))
})

test('what is no model, or no address of the hub, is refused with a sentence', async () => {
  for (const [address, message] of [
    ['hf:some/many', /has several models \(one\.safetensors, other\.safetensors…\): give the address of one/],
    ['hf:some/none', /has no model in \.safetensors/],
    ['hf:some', /Expected `hf:OWNER\/NAME`/],
    ['https://example.com/model.safetensors', /or the address of one \.safetensors file at/],
    ['hf:some/nowhere', /nowhere/],
  ] as const) {
    await assert.rejects(add(address), { name: 'UserError', message })
  }
})
