import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import type { Job } from '../../src/jobs/protocol.ts'
import { shownInputs } from '../../src/worker/pictures.ts'

const red = sharp({ create: { width: 30, height: 20, channels: 3, background: 'red' } })
const options = { model: 'emoji', mode: 'fast', seed: 0 } as const

test('a TIFF among the pictures is shown as a PNG, without what it tells besides, and the others as they are', async () => {
  const tiff = await red
    .clone()
    .withExif({ IFD0: { Make: 'Secret' } })
    .tiff()
    .toBuffer()
  const jpeg = await red.clone().jpeg().toBuffer()
  const job: Job = { kind: 'analogy', pairs: [{ a: tiff, a2: jpeg }], b: jpeg, options }
  const { inputs } = await shownInputs(job)
  const { a, a2 } = inputs!.pairs![0]!
  const { format, width, height, exif } = await sharp(a).metadata()
  assert.deepEqual([format, width, height, exif], ['png', 30, 20, undefined])
  assert.deepEqual([a2, inputs!.b], [jpeg, jpeg])
  assert.ok(!Buffer.from(a).includes('Secret'))
  assert.deepEqual(await shownInputs({ ...job, pairs: [{ a: jpeg, a2: jpeg }] }), {})
})
