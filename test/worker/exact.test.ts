import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import type { AnalogyJob, JobOptions } from '../../src/jobs/protocol.ts'
import { english } from '../../src/sentence.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import { createPerformer } from '../../src/worker/perform.ts'
import { icon, on } from '../exact/icons.ts'

const { perform } = createPerformer({})
const handles = { signal: new AbortController().signal, onProgress: () => {} }
const options: JobOptions = { model: 'emoji', mode: 'fast', seed: 0 }
const pair = { a: await icon('noto:pizza', 180, 256), a2: await icon('noto:pizza', 96, 256) }
const job: AnalogyJob = { kind: 'analogy', pairs: [pair], b: await icon('twemoji:frog', 800, 1024), options }

test('what is exact is done without the model, at B’s own resolution, and applied so again', async () => {
  const { image, report, difference, pictures } = await perform(job, handles)
  assert.equal(english(report.exact!), 'A′ is A at 53 % of its size')
  assert.equal(report.device, undefined)
  assert.equal(report.evaluations, undefined)
  assert.ok(pictures?.pair)
  const { width, height } = await sharp(image).metadata()
  assert.deepEqual([width, height], [1024, 1024])
  assert.deepEqual(Object.keys(decodeSafetensors(difference!, 'It').tensors), [])

  const again = await perform({ kind: 'apply', differences: [{ bytes: difference! }], image: job.b, options }, handles)
  assert.deepEqual(again.image, image)
  const nothing = { bytes: difference!, strength: 0 }
  const same = await perform({ kind: 'apply', differences: [nothing], image: job.b, options }, handles)
  assert.deepEqual(await rawOf(same.image!), await rawOf(job.b))
})

test('a small B gives a B′ of 512 px, done exactly or learned', async () => {
  const small = { ...job, b: await icon('twemoji:frog', 80, 100) }
  const learned = { ...options, isLearned: true, steps: 1, strength: 1, preserve: 1 }
  for (const one of [small, { ...small, options: learned }]) {
    const { width, height } = await sharp((await perform(one, handles)).image).metadata()
    assert.deepEqual([width, height], [512, 512])
  }
})

test('a difference that is kept has both parts', async () => {
  const kept = await perform({ kind: 'learn', pairs: [pair], options: { ...options, steps: 1, preserve: 1 } }, handles)
  assert.equal(english(kept.report.exact!), 'A′ is A at 53 % of its size')
  const { tensors, metadata } = decodeSafetensors(kept.difference!, 'It')
  assert.deepEqual(Object.keys(tensors), ['emb_params'])
  assert.ok(metadata.isto_exact)
  const differences = [{ bytes: kept.difference!, strength: 1 }]
  const made = await perform({ kind: 'apply', differences, image: job.b, options }, handles)
  assert.equal(english(made.report.exact!), 'A′ is A at 53 % of its size')
})

test('a difference without tokens is not combined', async () => {
  const { difference } = await perform(job, handles)
  const twice = [{ bytes: difference! }, { bytes: difference! }]
  await assert.rejects(perform({ kind: 'apply', differences: twice, image: job.b, options }, handles), /Save it first/)
})

test('what is exact in part is done first, and the rest is learned', async () => {
  const b = await icon('noto:angry-face', 800, 1024)
  const small = await icon('noto:smiling-face-with-heart-eyes', 100, 100, 'clear')
  const pairs = [
    {
      a: await icon('noto:grinning-face', 190, 256),
      a2: await on('white', 256, [{ input: small, left: 120, top: 100 }]),
    },
  ]
  const short = { ...options, steps: 12 }
  const made = await perform({ kind: 'analogy', pairs, b, options: short }, handles)
  assert.match(english(made.report.part!), /^A′ is A at 5[23] % of its size, moved 16 % to the right, moved 9 % down$/)
  assert.equal(made.report.exact, undefined)
  assert.equal(made.report.steps, 12)
  const { tensors, metadata } = decodeSafetensors(made.difference!, 'It')
  assert.deepEqual([Object.keys(tensors), metadata.isto_exact!.includes('"isPart":true')], [['emb_params'], true])
  // Where B stood it is white now, at its own resolution, also when the difference is applied.
  const again = await perform(
    { kind: 'apply', differences: [{ bytes: made.difference! }], image: b, options: short },
    handles,
  )
  await assert.rejects(
    perform(
      { kind: 'apply', differences: [{ bytes: made.difference! }], image: Uint8Array.of(1), options: short },
      handles,
    ),
    /^UserError: The image is not a picture/,
  )
  for (const { image } of [made, again]) {
    const { data, info } = await sharp(image)
      .extract({ left: 150, top: 150, width: 300, height: 200 })
      .raw()
      .toBuffer({ resolveWithObject: true })
    assert.deepEqual([info.width, data.every((value) => value > 235)], [300, true])
  }
  const nothing = { bytes: made.difference!, strength: 0 }
  const same = await perform({ kind: 'apply', differences: [nothing], image: b, options }, handles)
  assert.deepEqual(await rawOf(same.image!), await rawOf(b))
})

const rawOf = (picture: Uint8Array) => sharp(picture).ensureAlpha().raw().toBuffer()
