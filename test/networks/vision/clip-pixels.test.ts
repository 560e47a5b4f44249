import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { readClipPixels } from '../../../src/networks/vision/clip-pixels.ts'
import { tensor } from '../../../src/tensor/tensor.ts'
import { readNumbers, relativeError, visionFixtures } from './vision-case.ts'

// Against transformers' CLIPImageProcessor, of pictures as diffusers hands them to it.

const numbers = await readNumbers()

for (const size of ['64x64', '37x50', '16x21']) {
  test(`a picture of ${size} is resized, cut and normed`, async () => {
    const clipPixels = await readClipPixels(join(visionFixtures, 'joint/image_encoder/preprocessor_config.json'))
    const values = clipPixels(numbers[`pixels ${size}`]!)
    assert.deepEqual(values.dims, [1, 3, 24, 24])
    assert.ok(relativeError(values, numbers[`values ${size}`]!) < 1e-6)
  })
}

test('without a file they are those of OpenAI’s CLIP; older files give sizes as numbers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'isto-clip-'))
  const path = join(folder, 'preprocessor_config.json')
  const grey = tensor([3, 16, 16])
  const usual = (await readClipPixels(path))(grey)
  assert.deepEqual(usual.dims, [1, 3, 224, 224])
  await writeFile(path, JSON.stringify({ size: 12, crop_size: 8, image_mean: [0, 0, 0], image_std: [0.5, 0.5, 0.5] }))
  const old = (await readClipPixels(path))(grey)
  assert.deepEqual(old.dims, [1, 3, 8, 8])
  assert.ok(old.data.every((value) => Math.abs(value - 1) < 0.01))
  assert.ok(Math.abs(usual.data[0]! * 0.26862954 + 0.48145466 - 0.5) < 0.01)
  await rm(folder, { recursive: true })
})

test('a picture that is none is refused', async () => {
  const clipPixels = await readClipPixels(join(visionFixtures, 'joint/image_encoder/preprocessor_config.json'))
  assert.throws(() => clipPixels(tensor([3, 1, 1], Float32Array.of(0, Number.NaN, 0))), RangeError)
})
