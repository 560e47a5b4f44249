import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import sharp from 'sharp'
import type { ApplyJob } from '../../src/jobs/protocol.ts'
import { startWorker, type Worker } from '../../src/jobs/worker-client.ts'
import { readModel } from '../../src/onnx/proto.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { encodeSafetensors } from '../../src/tensor/safetensors.ts'

const WIDTH = 1024
const HEIGHT = 512

/** Fine noise on a slope: nothing that a small network could have painted. */
async function detailed(format: 'png' | 'jpeg'): Promise<Uint8Array> {
  const random = createRandom(7)
  const data = Buffer.from(
    Uint8Array.from({ length: WIDTH * HEIGHT * 3 }, (_, at) => 100 + (at % WIDTH) / 16 + random.integer(30)),
  )
  return sharp(data, { raw: { width: WIDTH, height: HEIGHT, channels: 3 } })
    .toFormat(format)
    .toBuffer()
}

const pixels = (bytes: Uint8Array) => sharp(bytes).removeAlpha().raw().toBuffer({ resolveWithObject: true })

let worker: Worker
before(() => {
  worker = startWorker({ path: new URL('../../src/worker/main.ts', import.meta.url) })
})
after(() => worker.close())

describe('a picture larger than the model’s', () => {
  const unet = readModel(join(import.meta.dirname, '../../models/emoji/unet/model.onnx'))
  const width = unet.inputs.find(({ name }) => name === 'encoder_hidden_states')!.dims[2]
  const tokens = createRandom(1).normal([2, Number(width)])
  const bytes = encodeSafetensors({ tensors: { emb_params: tokens }, metadata: {} })
  const made = async (image: Uint8Array, strength: number) => {
    const options = { model: 'emoji', mode: 'fast' as const, seed: 1, strength, prompt: 'a cat' }
    const job: ApplyJob = { kind: 'apply', differences: [{ bytes }], image, options }
    return worker.run(job)
  }

  for (const format of ['png', 'jpeg'] as const) {
    test(`is itself to the last pixel at strength 0: ${format}`, async () => {
      const b = await detailed(format)
      const { image } = await made(b, 0)
      assert.deepEqual(await pixels(image!), await pixels(b))
    })
  }

  test('keeps its own pixels where nothing changes, and its size', async () => {
    const b = await detailed('png')
    const { image, report } = await made(b, 0.6)
    const [before, after] = [await pixels(b), await pixels(image!)]
    assert.deepEqual([after.info.width, after.info.height], [WIDTH, HEIGHT])
    const same = before.data.filter((value, at) => value === after.data[at]).length / before.data.length
    assert.ok(same > 0.02 && same < 1, `${same} of the pixels are B’s own`)
    assert.equal(report.evaluations, 10 * 3)
  })
})
