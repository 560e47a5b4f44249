import assert from 'node:assert/strict'
import { test } from 'node:test'
import { flux } from '../../src/architectures/flux.ts'
import { mmdit } from '../../src/architectures/mmdit.ts'
import { t5 } from '../../src/architectures/t5.ts'
import type { StoredTensor } from '../../src/architectures/tensors.ts'
import { UserError } from '../../src/errors.ts'
import { isOnDisk } from '../../src/onnx/graph.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { errorsOf, exportOf, random, tensorsOf } from './built-case.ts'

const sizesOfMmdit = { latentSide: 8, promptLength: 333, heads: 2 }
const sizesOfFlux = { latentSide: 8, promptLength: 512, heads: 2, axes: [4, 2, 2] }
const sizesOfT5 = { length: 256, heads: 4, epsilon: 1e-6, farthest: 128 }

test('Stable Diffusion 3.5: PyTorch’s own numbers', async () => {
  const feeds = {
    hidden_states: random.normal([2, 16, 8, 8]),
    encoder_hidden_states: random.normal([2, 333, 48]),
    pooled_projections: random.normal([2, 32]),
    timestep: tensor([2], Float32Array.of(601.25, 20)),
  }
  const built = mmdit(tensorsOf('sd3', 'transformer'), sizesOfMmdit)
  const { out_hidden_states: error } = await errorsOf(built, exportOf('sd3', 'transformer'), feeds)
  assert.ok(error! < 1e-6, `${error}`)
})

test('FLUX.1: PyTorch’s own numbers, though it is not told of places', async () => {
  const feeds = {
    hidden_states: random.normal([2, 16, 64]),
    encoder_hidden_states: random.normal([2, 512, 48]),
    pooled_projections: random.normal([2, 16]),
    timestep: tensor([2], Float32Array.of(0.60125, 0.02)),
    guidance: tensor([2], Float32Array.of(3.5, 1)),
  }
  const places = Array.from({ length: 16 }, (_, index) => [0, index >> 2, index % 4])
  const told = { txt_ids: tensor([512, 3]), img_ids: tensor([16, 3], Float32Array.from(places.flat())) }
  const built = flux(tensorsOf('flux', 'transformer'), sizesOfFlux)
  const { out_hidden_states: error } = await errorsOf(built, exportOf('flux', 'transformer'), feeds, told)
  assert.ok(error! < 1e-6, `${error}`)
})

test('T5: PyTorch’s own numbers, however its table of words is called', async () => {
  const ids = Int32Array.from({ length: 256 }, (_, index) => (index * 7) % 208)
  const feeds = { input_ids: { dims: [1, 256], data: ids } }
  const stored = tensorsOf('sd3', 'text_encoder_3')
  const table = stored.get('shared.weight')!
  const others = [...stored].filter(([name]) => name !== 'shared.weight')
  for (const tables of [['shared'], ['encoder.embed_tokens'], ['shared', 'encoder.embed_tokens']]) {
    const named = tables.map((name) => [`${name}.weight`, table] as const)
    const built = t5(new Map([...others, ...named]), sizesOfT5)
    const { last_hidden_state: error } = await errorsOf(built, exportOf('sd3', 'text_encoder_3'), feeds)
    assert.ok(error! < 1e-6, `${tables}: ${error}`)
  }
})

test('every weight stays on disk, and none is left over', () => {
  for (const [model, part, built] of [
    ['sd3', 'transformer', mmdit(tensorsOf('sd3', 'transformer'), sizesOfMmdit)],
    ['sd3', 'text_encoder_3', t5(tensorsOf('sd3', 'text_encoder_3'), sizesOfT5)],
  ] as const) {
    const onDisk = [...built.constants.values()].filter(({ data }) => isOnDisk(data))
    const bytes = [...tensorsOf(model, part).values()].reduce((total, { data }) => total + data.length, 0)
    assert.equal(
      onDisk.reduce((total, { data }) => total + data.length, 0),
      bytes,
      part,
    )
  }
})

test('a model of another kind is a sentence', () => {
  const refusal = (build: () => unknown, expected: RegExp) =>
    assert.throws(build, (error) => error instanceof UserError && expected.test(error.message))
  const [sd3, ofFlux, words] = [
    tensorsOf('sd3', 'transformer'),
    tensorsOf('flux', 'transformer'),
    tensorsOf('sd3', 'text_encoder_3'),
  ]
  const some: StoredTensor = sd3.get('proj_out.bias')!
  refusal(() => mmdit(sd3, { ...sizesOfMmdit, latentSide: 32 }), /knows 144 places where 256 are needed/)
  refusal(() => mmdit(sd3, { ...sizesOfMmdit, heads: 3 }), /16 numbers in .*, which are no 3 heads/)
  refusal(
    () => mmdit(new Map([...sd3, ['ip_adapter.weight', some]]), sizesOfMmdit),
    /1 weights that are not known here/,
  )
  refusal(() => flux(ofFlux, { ...sizesOfFlux, axes: [4, 4, 4] }), /heads of 8 numbers, whose places have 12/)
  refusal(() => flux(sd3, sizesOfFlux), /lacks the weight x_embedder\.weight/)
  refusal(() => t5(words, { ...sizesOfT5, heads: 8 }), /knows distances for 4 heads where there are 8/)
})
