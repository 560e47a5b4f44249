import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { clipText } from '../../src/architectures/clip-text.ts'
import { clipVision } from '../../src/architectures/clip-vision.ts'
import { readPart } from '../../src/checkpoints/folder.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import { relativeError, run } from './built-case.ts'

// A CLIP as transformers saves it whole (test/reference/clip.py).

const folder = join(import.meta.dirname, '../fixtures/checkpoints/clip')
const tensors = readPart(folder)!
const part = (names: RegExp) => new Map([...tensors].filter(([name]) => names.test(name)))
const { tensors: numbers } = decodeSafetensors(await readFile(`${folder}.safetensors`), 'numbers')

test('CLIP’s image encoder: transformers’ own numbers', async () => {
  const configuration = { heads: 2, activation: 'quick_gelu', side: 32 } as const
  const built = clipVision(part(/^(vision_model|visual_projection)\./), configuration)
  const { image_embeds } = await run(built, { pixel_values: numbers.pixels! })
  assert.ok(relativeError(image_embeds!, numbers.image_embeds!) < 1e-6)
})

test('and its text encoder, of the same file', async () => {
  const built = clipText(part(/^text_(model|projection)\./), { heads: 2, activation: 'quick_gelu', end: 713 })
  const words = [712, 5, 320, 41]
  const ids = { dims: [1, 77], data: Int32Array.from({ length: 77 }, (_, index) => words[index] ?? 713) }
  const { text_embeds } = await run(built, { input_ids: ids })
  assert.ok(relativeError(text_embeds!, numbers.text_embeds!) < 1e-6)
})
