import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { readCheckpoint } from '../../src/checkpoints/checkpoint.ts'
import { UserError } from '../../src/errors.ts'
import { encodeSafetensors } from '../../src/tensor/safetensors.ts'

const fixtures = join(import.meta.dirname, '../fixtures/checkpoints')
let folder: string
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-checkpoint-'))
  for (const name of ['sd15-one', 'sd21-one', 'sdxl-one']) {
    await writeFile(join(folder, name), gunzipSync(await readFile(join(fixtures, `${name}.safetensors.gz`))))
  }
})
after(() => rm(folder, { recursive: true }))

const one = (name: string) => join(folder, name)

/** The same file with another header; what is added has no numbers. */
async function changed(name: string, change: (header: Record<string, unknown>) => void): Promise<string> {
  const bytes = await readFile(one(name))
  const end = 8 + Number(bytes.readBigUInt64LE())
  const header = JSON.parse(bytes.toString('utf8', 8, end))
  change(header)
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  const path = join(folder, 'changed.safetensors')
  await writeFile(path, Buffer.concat([length, json, bytes.subarray(end)]))
  return path
}
const empty = { dtype: 'F32', shape: [0], data_offsets: [0, 0] }

test('its tensors say what it is', () => {
  const sd1 = readCheckpoint(one('sd15-one'))
  assert.deepEqual(sd1.denoiser.config.attention_head_dim, [8, 8])
  assert.deepEqual([sd1.scheduler._class_name, sd1.scheduler.prediction_type], ['PNDMScheduler', 'epsilon'])
  assert.deepEqual([sd1.padding[0], sd1.text_encoder.config.hidden_act], ['end', 'quick_gelu'])
  const sdxl = readCheckpoint(one('sdxl-one'))
  assert.deepEqual([sdxl.scheduler._class_name, sdxl.vae.config.scaling_factor], ['EulerDiscreteScheduler', 0.13025])
  assert.deepEqual([sdxl.padding, sdxl.text_encoder_2!.config.hidden_act], [['end', '!'], 'gelu'])
  const sd2 = readCheckpoint(one('sd21-one'), 'v')
  assert.deepEqual([sd2.padding[0], sd2.text_encoder.config.hidden_act], ['!', 'gelu'])
  assert.deepEqual([sd2.scheduler.prediction_type, sd2.denoiser.config.sample_size], ['v_prediction', 96])
  assert.equal(readCheckpoint(one('sd21-one'), 'epsilon').denoiser.config.sample_size, 64)
})

test('what it predicts is asked for where it does not say, and never where it does', async () => {
  assert.throws(() => readCheckpoint(one('sd21-one')), /does not say what it predicts: write @v behind its path/)
  const predictionWith = async (name: string, change: Parameters<typeof changed>[1]) =>
    readCheckpoint(await changed(name, change)).scheduler
  const marked = await predictionWith('sdxl-one', (header) => Object.assign(header, { v_pred: empty, ztsnr: empty }))
  assert.deepEqual([marked.prediction_type, marked.rescale_betas_zero_snr], ['v_prediction', true])
  for (const [said, expected] of [
    ['v', 'v_prediction'],
    ['epsilon', 'epsilon'],
  ] as const) {
    const metadata = { 'modelspec.prediction_type': said }
    const found = await predictionWith('sd21-one', (header) => Object.assign(header, { __metadata__: metadata }))
    assert.equal(found.prediction_type, expected)
  }
})

test('what is no whole model of these families is a sentence', async () => {
  const refused = async (path: string, expected: RegExp) =>
    assert.throws(
      () => readCheckpoint(path),
      (error) => error instanceof UserError && expected.test(error.message),
    )
  const without = (prefix: string) =>
    changed('sd15-one', (header) => {
      for (const name of Object.keys(header)) {
        if (name.startsWith(prefix)) {
          header[`other.${name}`] = header[name]
          delete header[name]
        }
      }
    })
  await refused(await without('first_stage_model.'), /has no autoencoder: get the whole model/)
  await refused(await without('cond_stage_model.'), /has no text encoder: get the whole model/)
  const named = async (...names: string[]) => {
    const path = join(folder, 'named.safetensors')
    const tensors = Object.fromEntries(names.map((name) => [name, { dims: [1], data: Float32Array.of(1) }]))
    await writeFile(path, encodeSafetensors({ tensors, metadata: {} }))
    return path
  }
  for (const [name, expected] of [
    ['lora_unet_down_blocks_0.alpha', /is a LoRA: name it behind a model/],
    ['double_blocks.0.img_attn.qkv.weight', /is a relative of FLUX\.1 that is not supported/],
    ['joint_blocks.0.x_block.attn.qkv.weight', /has no autoencoder: get the whole model/],
    ['text_model.final_layer_norm.weight', /is only a text encoder/],
    ['encoder.block.0.layer.0.SelfAttention.q.weight', /is only a text encoder/],
    ['emb_params', /is a difference and not a model/],
    ['down_blocks.0.resnets.0.conv1.weight', /is one part of a diffusers folder: name the folder/],
    ['first_stage_model.encoder.conv_in.weight', /is only an autoencoder/],
    ['control_model.input_blocks.0.0.weight', /is a ControlNet/],
    ['something', /holds no Stable Diffusion and no FLUX/],
  ] as const) {
    await refused(await named(name), expected)
  }
  const flux = ['double_blocks.0.img_attn.qkv.weight', 'vector_in.in_layer.weight'].map(
    (name) => `model.diffusion_model.${name}`,
  )
  await refused(await named(...flux), /put ae\.safetensors.* and clip_l.* and t5xxl_fp16/)
  const sd3 = [
    'model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight',
    'first_stage_model.decoder.conv_in.weight',
  ]
  await refused(
    await named(...sd3),
    /is a transformer alone: put clip_l\.safetensors and clip_g\.safetensors beside it/,
  )
  const inpainting = await changed('sd15-one', (header) => {
    const first = header['model.diffusion_model.input_blocks.0.0.weight'] as { shape: number[] }
    first.shape = [16, 8, 3, 3]
  })
  await refused(inpainting, /takes a picture besides the prompt \(its network has 8 channels instead of 4\)/)
})
