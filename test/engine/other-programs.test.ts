import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { fileStem } from '../../commands/diffs/export.ts'
import { encodeDifference, type Origin } from '../../src/engine/difference.ts'
import { decodeSafetensors, encodeSafetensors, type SafetensorsContent } from '../../src/tensor/safetensors.ts'
import { tensor } from '../../src/tensor/tensor.ts'

// What other programs ask of a textual inversion, each with the place that says so, held against the files as written.
// Diffusers itself loads them in test/reference/differences.py.

const TOKENS = 4
const families = [
  { family: 'Stable Diffusion 1.x', encoders: { clip_l: 768 } },
  { family: 'Stable Diffusion 2.x', encoders: { clip_h: 1024 } },
  { family: 'SDXL', encoders: { clip_l: 768, clip_g: 1280 } },
]

for (const { family, encoders } of families) {
  const widths = Object.values(encoders)
  const tokens = widths.map((width, at) =>
    tensor(
      [TOKENS, width],
      Float32Array.from({ length: TOKENS * width }, (_, index) => at + index),
    ),
  )
  const origin: Origin = {
    version: '0.1.0',
    model: family,
    modelHash: '0',
    mode: 'fast',
    seed: 0,
    steps: 1,
    strength: 1,
    preserve: 1,
    captions: { a: 'a cat' },
    loss: [1, 0.5],
  }
  const file = decodeSafetensors(encodeSafetensors(encodeDifference({ tokens, origin })), family)
  const rows = (found: SafetensorsContent['tensors'][string]) => tensor(found.dims, found.data)

  describe(`${family}, a file for`, () => {
    /**
     * AUTOMATIC1111/stable-diffusion-webui, modules/textual_inversion/textual_inversion.py, at 22ecb78:
     * `clip_g` beside `clip_l` is SDXL, else exactly one tensor of any name is allowed; `string_to_param` means a pickle's
     * layout. What the file is wide, both together for SDXL, must be what the model is wide, or it is skipped.
     * modules/sd_hijack.py: the first encoder reads `clip_l`, the second `clip_g`.
     */
    test('A1111', () => {
      const names = Object.keys(file.tensors)
      assert.ok(!names.includes('string_to_param'))
      const isXl = names.includes('clip_g') && names.includes('clip_l')
      assert.equal(isXl, widths.length === 2)
      assert.ok(isXl || names.length === 1)
      const used = isXl ? [file.tensors.clip_l!, file.tensors.clip_g!] : Object.values(file.tensors)
      const width = used.reduce((sum, { dims }) => sum + dims.at(-1)!, 0)
      const expected = widths.reduce((sum, each) => sum + each, 0)
      assert.equal(width, expected)
      assert.deepEqual(used.map(rows), tokens)
    })

    /**
     * comfyanonymous/ComfyUI, comfy/sd1_clip.py, `load_embed` and `tokenize_with_weights`: each text encoder takes the tensor
     * of its own name, or else the first one, unless names begin with `bundle_emb.`; each of its rows is a token, and one
     * that is not as wide as the encoder is left out.
     */
    test('ComfyUI', () => {
      assert.ok(Object.keys(file.tensors).every((name) => !name.startsWith('bundle_emb.')))
      for (const [index, [key, width]] of Object.entries(encoders).entries()) {
        const found = file.tensors[key] ?? Object.values(file.tensors)[0]!
        assert.deepEqual(found.dims, [TOKENS, width])
        assert.deepEqual(rows(found), tokens[index])
      }
    })

    /**
     * kohya-ss/sd-scripts, sdxl_train_textual_inversion.py, `load_weights`: `clip_l` and `clip_g`.
     * huggingface/diffusers, loaders/textual_inversion.py: a file holds one tensor; SDXL's are given one by one.
     */
    test('kohya and diffusers', () => {
      const names = Object.keys(file.tensors)
      if (widths.length === 2) assert.deepEqual(names, ['clip_l', 'clip_g'])
      else assert.equal(names.length, 1)
    })

    /** The format's library: `__metadata__` maps text to text. */
    test('safetensors', () => {
      assert.ok(Object.values(file.metadata).every((value) => typeof value === 'string'))
    })
  })
}

/**
 * A1111 calls an inversion what its file is called without the ending; ComfyUI reads `embedding:NAME` up to the next white
 * space, and takes a comma off its end.
 */
test('an exported difference has a name that can be written in their prompts', () => {
  for (const name of ['crying', 'Größe_ 1 🎉', 'a, b', '🎉', 'שלום', 'two words']) {
    assert.match(fileStem(name), /^[a-z0-9_-]+$/i)
  }
})
