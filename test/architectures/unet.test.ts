import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoredTensor } from '../../src/architectures/tensors.ts'
import { type UnetConfiguration, unet } from '../../src/architectures/unet.ts'
import { UserError } from '../../src/errors.ts'
import { isOnDisk } from '../../src/onnx/graph.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { errorsOf, exportOf, random, tensorsOf } from './built-case.ts'

const configuration = (heads: readonly number[]): UnetConfiguration => ({
  latentSide: 8,
  promptLength: 77,
  heads,
  groups: 4,
  epsilon: 1e-5,
  sizeWaves: 8,
})

/** Every export takes these two samples. */
const feeds = {
  sample: random.normal([2, 4, 8, 8]),
  timestep: tensor([2], Float32Array.of(601, 601)),
  encoder_hidden_states: random.normal([2, 77, 16]),
}

test('Stable Diffusion 1: PyTorch’s own numbers', async () => {
  const built = unet(tensorsOf('sd15', 'unet'), configuration([2, 2]))
  const { out_sample: error } = await errorsOf(built, exportOf('sd15', 'unet'), feeds)
  assert.ok(error! < 1e-6, `${error}`)
})

test('Stable Diffusion 2: linear projections, and heads of one width', async () => {
  const built = unet(tensorsOf('sd21', 'unet'), configuration([1, 2]))
  const exported = exportOf('sd21', 'unet')
  const { out_sample: error } = await errorsOf(built, exported, feeds, { timestep: tensor([], Float32Array.of(601)) })
  assert.ok(error! < 1e-6, `${error}`)
})

const sizes = Float32Array.of(16, 16, 0, 0, 16, 16, 16, 16, 0, 0, 16, 16)
const feedsOfXl = {
  ...feeds,
  encoder_hidden_states: random.normal([2, 77, 40]),
  text_embeds: random.normal([2, 20]),
  time_ids: tensor([2, 6], sizes),
}

test('SDXL: told of sizes and of the pooled embedding; in half precision and in shards', async () => {
  // The export in half precision has rounded the waves of the timestep, too.
  for (const [checkpoint, exported, bound] of [
    ['sdxl', 'sdxl', 2e-5],
    ['sdxl-sharded', 'sdxl-fp32', 1e-6],
  ] as const) {
    const built = unet(tensorsOf(checkpoint, 'unet'), configuration([1, 4]))
    const { out_sample: error } = await errorsOf(built, exportOf(exported, 'unet'), feedsOfXl)
    assert.ok(error! < bound, `${checkpoint}: ${error}`)
  }
})

test('every weight stays on disk, and none is left over', () => {
  const tensors = tensorsOf('sd15', 'unet')
  const { constants } = unet(tensors, configuration([2, 2]))
  const onDisk = [...constants].filter(([, { data }]) => isOnDisk(data))
  const bytes = onDisk.reduce((total, [, { data }]) => total + data.length, 0)
  assert.equal(
    bytes,
    [...tensors.values()].reduce((total, { data }) => total + data.length, 0),
  )
})

test('a model of another kind is a sentence', () => {
  const tensors = tensorsOf('sd15', 'unet')
  const refusal = (changed: Iterable<[string, StoredTensor]>, expected: RegExp, heads = [2, 2]) =>
    assert.throws(
      () => unet(new Map([...tensors, ...changed]), configuration(heads)),
      (error) => error instanceof UserError && expected.test(error.message),
    )
  const some = tensors.get('conv_out.bias')!
  refusal([['controlnet_cond_embedding.weight', some]], /has 1 weights that are not known here, like controlnet/)
  refusal(
    [['down_blocks.0.resnets.0.conv1.weight', some]],
    /\[4\] in down_blocks\.0\.resnets\.0\.conv1 where 8 channels/,
  )
  refusal(
    [['time_embedding.linear_1.weight', { ...some, dims: [32, 9] }]],
    /in time_embedding\.linear_1 where 8 numbers/,
  )
  refusal([['conv_norm_out.weight', { ...some, dims: [3] }]], /conv_norm_out\.weight is \[3\] where \[8,1,1\]/)
  refusal([['conv_in.weight', { ...some, type: 'int8' }]], /stores conv_in\.weight as int8: get the model in float16/)
  refusal([], /8 numbers in .*, which are no 3 heads/, [3, 3])
  refusal([], /has 2 levels where 3 are expected/, [2, 2, 2])
  const others = new Map([...tensors].filter(([name]) => name !== 'conv_out.weight'))
  assert.throws(() => unet(others, configuration([2, 2])), /lacks the weight conv_out\.weight/)
})
