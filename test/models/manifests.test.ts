import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { listModels } from '../../src/hub/catalog.ts'

const models = await listModels(fileURLToPath(new URL('../../models', import.meta.url)))

test('every family has a manifest', () => {
  const names = models.map(({ name }) => name)
  for (const name of ['sd-1.5', 'sd-2.1-base', 'sd-2.1', 'sdxl-base', 'sd-turbo', 'sdxl-turbo', 'lcm-dreamshaper-v7']) {
    assert.ok(names.includes(name), name)
  }
})

for (const { folder, name, licence, sources, memory, note } of models.filter(({ sources }) => sources)) {
  test(`${name} says where it comes from, under which licence, and what is not certain`, () => {
    assert.equal(name, basename(folder))
    assert.match(licence, /https:\/\/\S+$/)
    assert.ok(memory)
    const isPinned = sources!.every(({ revision }) => /^[0-9a-f]{40}$/.test(revision))
    assert.equal(/pinned/.test(note!), !isPinned, 'a branch is said to be one')
    const { side } = JSON.parse(readFileSync(`${folder}/manifest.json`, 'utf8'))
    assert.ok([512, 768, 1024].includes(side))
    for (const part of ['unet', 'text_encoder', 'tokenizer', 'scheduler', 'vae']) {
      const places = sources!.flatMap(({ wanted }) => wanted.map(({ path, as = path }) => as))
      assert.ok(
        places.some((place) => place.startsWith(`${part}/`)),
        part,
      )
    }
  })
}

for (const { name, sources = [] } of models.filter(({ sources }) => sources)) {
  test(`${name} sees: what comes from other repositories is where it is looked for`, () => {
    const places = sources.slice(1).flatMap(({ wanted }) => wanted.map(({ path, as = path }) => as))
    for (const file of ['config.json', 'preprocessor_config.json', 'tokenizer.json', 'tokenizer_config.json']) {
      assert.ok(places.includes(`captioner/${file}`), file)
    }
    for (const graph of ['encoder_model', 'decoder_model_merged']) {
      assert.ok(places.includes(`captioner/onnx/${graph}_quantized.onnx`), graph)
    }
    for (const file of ['config.json', 'model.safetensors', 'preprocessor_config.json']) {
      assert.ok(places.includes(`joint/${file}`), file)
    }
    assert.ok(places.every((place) => /^(captioner|joint|vae)\//.test(place!)))
  })
}
