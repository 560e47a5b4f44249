import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { english } from '../../src/sentence.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { readWorld, strangeness, strangeTo } from '../../src/worker/outside.ts'

const emoji = join(import.meta.dirname, '../../models/emoji')
const world = { knows: 'emoji', length: 5 }
/** Sees a picture as it is. */
const model = { joint: { embedPicture: async (pixels) => pixels } } as DiffusionModel

test('a picture whose embedding is short is one that the model does not know', async () => {
  const pictures = { A: tensor([2], Float32Array.of(3, 3)), B: tensor([2], Float32Array.of(4, 4)) }
  const strange = await strangeTo(model, world, pictures)
  assert.deepEqual(strange, ['A'])
  assert.deepEqual(strangeness(strange, 'emoji', world).map(english), [
    'A is outside of what the model “emoji” knows (emoji), so expect little of it here.',
  ])
  assert.deepEqual(await strangeTo(model, undefined, pictures), [])
  assert.deepEqual(strangeness([], 'emoji', world), [])
})

test('the limit counts only for the image encoder that it was measured with', async () => {
  assert.equal(typeof (await readWorld(emoji))?.length, 'number', 'bench/outside.ts writes it into the manifest')
  const folder = await mkdtemp(join(tmpdir(), 'isto-'))
  const manifest = JSON.parse(await readFile(join(emoji, 'manifest.json'), 'utf8'))
  const write = (change: object) => writeFile(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, ...change }))
  await write({ outside: { ...manifest.outside, encoder: 'another' } })
  assert.equal(await readWorld(folder), undefined)
  const encoder = manifest.files.find(({ path }: { path: string }) => path === 'image_encoder/model.onnx').sha256
  await write({ outside: { encoder, length: 7 } })
  assert.equal((await readWorld(folder))!.length, 7)
  assert.equal(await readWorld(tmpdir()), undefined)
  await rm(folder, { recursive: true })
})
