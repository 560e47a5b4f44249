import assert from 'node:assert/strict'
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { DiffusionModel } from '../../../src/diffusion/model.ts'
import { readLayout } from '../../../src/networks/layout.ts'
import { graphOf, node } from '../../../src/onnx/graph.ts'
import { encodeGraph } from '../../../src/onnx/proto.ts'
import { createRandom } from '../../../src/tensor/random.ts'
import { load, pipelinesFolder } from '../pipeline-case.ts'

// What is FLUX's alone; its numbers are held against diffusers in pipelines.test.ts.

const fixture = join(pipelinesFolder, 'flux')

describe('with FLUX', () => {
  let model: DiffusionModel
  before(async () => {
    model = await load(fixture)
  })
  after(() => model?.close())

  test('CLIP’s tokens change the pooled embedding, and T5’s the states', async () => {
    const [ofClip, ofT5] = model.tokenWidths.map((width) => createRandom(1).normal([2, width]))
    const plain = await model.encodePrompt('a cat')
    const told = await model.encodePrompt('a cat', [ofClip!])
    const all = await model.encodePrompt('a cat', [ofClip!, ofT5!])
    assert.deepEqual(plain.hiddenStates.dims, [1, 512, 48])
    assert.deepEqual(told.hiddenStates.data, plain.hiddenStates.data)
    assert.notDeepEqual(told.pooled!.data, plain.pooled!.data)
    assert.deepEqual(all.pooled!.data, told.pooled!.data)
    assert.notDeepEqual(all.hiddenStates.data, told.hiddenStates.data)
  })

  test('noise lies along the schedule as the picture’s size has it', () => {
    // e^μ of 16 pieces: μ = 0.5 + 0.65 · (16 − 256) ÷ 3840.
    const shift = Math.exp(0.5 - (0.65 * 240) / 3840)
    assert.ok(Math.abs(model.schedule.timestepAt(0.5) - (1000 * shift) / (1 + shift)) < 1e-6)
  })

  test('samples of one call do not mix', async () => {
    const conditioning = await model.encodePrompt('a cat')
    const { hiddenStates, pooled } = conditioning
    const random = createRandom(2)
    const [one, other] = [random.normal([1, 16, 8, 8]), random.normal([1, 16, 8, 8])]
    const twice = (value: typeof one) => ({
      dims: [2, ...value.dims.slice(1)],
      data: Float32Array.of(...value.data, ...value.data),
    })
    const both = await model.denoise({
      latents: { dims: [2, 16, 8, 8], data: Float32Array.of(...one.data, ...other.data) },
      timesteps: [400, 700.5],
      conditioning: { hiddenStates: twice(hiddenStates), pooled: twice(pooled!) },
    })
    const apart = await Promise.all([
      model.denoise({ latents: one, timesteps: [400], conditioning }),
      model.denoise({ latents: other, timesteps: [700.5], conditioning }),
    ])
    const expected = apart.flatMap(({ data }) => [...data])
    assert.ok(both.data.every((value, index) => Math.abs(value - expected[index]!) < 1e-4))
  })
})

test('a folder of FLUX without T5 is refused with a sentence', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'isto-flux-'))
  try {
    await cp(fixture, folder, { recursive: true })
    await rm(join(folder, 'text_encoder_2'), { recursive: true })
    await assert.rejects(load(folder), { name: 'UserError', message: /text_encoder_2/ })
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('pictures are as large as the graph was made for, and 1024 where it leaves that open', async () => {
  const sideWith = async (pieces: number | string) => {
    const graph = graphOf({
      inputs: [
        { name: 'hidden_states', type: 'float32', dims: ['batch', pieces, 64] },
        ...['img_ids', 'pooled_projections'].map((name) => ({ name, type: 'float32' as const, dims: ['batch', 3] })),
      ],
      nodes: [node('Identity', ['hidden_states'], ['out_hidden_states'])],
      outputs: ['out_hidden_states'],
    })
    const folder = await mkdtemp(join(tmpdir(), 'isto-flux-'))
    try {
      await cp(fixture, folder, { recursive: true })
      await writeFile(join(folder, 'transformer', 'model.onnx'), encodeGraph(graph))
      return (await readLayout({ path: folder, loras: [] })).side
    } finally {
      await rm(folder, { recursive: true })
    }
  }
  // Its small autoencoder has two pixels to a latent, where FLUX's has eight.
  assert.deepEqual([await sideWith(16), await sideWith(256), await sideWith('pieces')], [16, 64, 256])
  await assert.rejects(sideWith(48), { name: 'UserError', message: /not square/ })
})
