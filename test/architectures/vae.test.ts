import assert from 'node:assert/strict'
import { test } from 'node:test'
import { vaeDecoder, vaeEncoder } from '../../src/architectures/vae.ts'
import { errorsOf, exportOf, random, tensorsOf } from './built-case.ts'

for (const [checkpoint, exported] of [
  ['sd15', 'sd15'],
  ['sdxl', 'sdxl'],
] as const) {
  test(`the autoencoder of ${checkpoint}: PyTorch’s own numbers, both ways`, async () => {
    const tensors = tensorsOf(checkpoint, 'vae')
    const encoder = vaeEncoder(tensors, { side: 16, groups: 4 })
    const pictures = { sample: random.normal([1, 3, 16, 16]) }
    const encoded = await errorsOf(encoder, exportOf(exported, 'vae_encoder'), pictures)
    assert.ok(encoded.latent_parameters! < 1e-6, `${encoded.latent_parameters}`)
    const decoder = vaeDecoder(tensors, { side: 8, groups: 4 })
    const latents = { latent_sample: random.normal([1, 4, 8, 8]) }
    const decoded = await errorsOf(decoder, exportOf(exported, 'vae_decoder'), latents)
    assert.ok(decoded.sample! < 1e-6, `${decoded.sample}`)
  })
}
