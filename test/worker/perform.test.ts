import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import sharp from 'sharp'
import { OtherModelError, UserError } from '../../src/errors.ts'
import type { AnalogyJob, ApplyJob, InspectJob, JobOptions, JobResult, Progress } from '../../src/jobs/protocol.ts'
import { startWorker, type Worker } from '../../src/jobs/worker-client.ts'
import { decodeSafetensors, encodeSafetensors } from '../../src/tensor/safetensors.ts'
import { tensor } from '../../src/tensor/tensor.ts'

// The model that ships, in its own process.

const options: JobOptions = {
  model: 'emoji',
  mode: 'fast',
  seed: 3,
  steps: 4,
  strength: 1,
  preserve: 0.5,
  isLearned: true,
}
const example = async (name: string) =>
  new Uint8Array(await readFile(join(import.meta.dirname, '../../examples/02-orange-to-purple', name)))

let worker: Worker
let job: AnalogyJob
let result: JobResult
const seen: Progress[] = []
before(async () => {
  worker = startWorker({ path: new URL('../../src/worker/main.ts', import.meta.url) })
  const pair = { a: await example('a.png'), a2: await example('a2.png') }
  job = { kind: 'analogy', pairs: [pair], b: await wide(await example('b.png')), options }
  result = await worker.run(job, { onProgress: (progress) => seen.push(progress) })
})
after(() => worker.close())

/** Twice as wide as high, and larger than the model's picture. */
const wide = (bytes: Uint8Array) =>
  sharp(bytes).resize(600, 300, { fit: 'contain', background: 'white' }).png().toBuffer()

const sizeOf = async (bytes: Uint8Array) => {
  const { format, width, height } = await sharp(bytes).metadata()
  return [format, width, height]
}

test('an analogy comes with pictures of its difference', async () => {
  const { a, a2, pair, loss } = result.pictures!
  for (const one of [a!, a2!]) {
    const [format, width, height] = await sizeOf(one)
    assert.deepEqual([format, Math.max(Number(width), Number(height)) <= 128], ['png', true])
  }
  assert.deepEqual(await sizeOf(pair!), ['png', 272, 128])
  assert.deepEqual(await sizeOf(loss!), ['png', 480, 240])
  assert.notDeepEqual(a, a2)
})

test('its report says on which model it was learned, and from how many pairs', () => {
  const { model, modelHash, pairs, steps } = result.report
  assert.deepEqual([model, modelHash?.length, pairs, steps], ['emoji', 16, 1, 4])
})

test('B′ is shown as it forms, small, in the shape of B, and nearer to what it becomes', async () => {
  const previews = seen.flatMap(({ preview, stage }) => (preview ? [{ preview, stage }] : []))
  assert.ok(previews.length >= 1 && previews.length <= 4, `${previews.length} previews`)
  assert.ok(previews.every(({ stage }) => stage === 'sample'))
  for (const { preview } of previews) {
    assert.deepEqual(await sizeOf(preview), ['png', 256, 128])
    assert.ok(preview.length < 100_000)
  }
  const pixels = (bytes: Uint8Array) => sharp(bytes).resize(64, 32, { fit: 'fill' }).removeAlpha().raw().toBuffer()
  const final = await pixels(result.image!)
  const distances: number[] = []
  for (const { preview } of previews) {
    const shown = await pixels(preview)
    distances.push(shown.reduce((sum, value, index) => sum + (value - final[index]!) ** 2, 0))
  }
  assert.deepEqual(
    distances,
    distances.toSorted((one, other) => other - one),
  )
})

test('the same seed gives the same bytes', async () => {
  const again = await worker.run(job)
  assert.deepEqual(again.image, result.image)
  assert.deepEqual(again.difference, result.difference)
  assert.deepEqual(again.pictures, result.pictures)
})

describe('a difference file', () => {
  const inspect = (bytes: Uint8Array): InspectJob => ({ kind: 'inspect', bytes, options: { ...options, seed: 0 } })
  /** The file with some of its metadata changed. */
  const changed = (metadata: Record<string, string>) => {
    const content = decodeSafetensors(result.difference!, 'D')
    return encodeSafetensors({ ...content, metadata: { ...content.metadata, ...metadata } })
  }

  test('says what it is', async () => {
    const { difference, report, pictures } = await worker.run(inspect(result.difference!))
    assert.deepEqual(difference, result.difference)
    assert.deepEqual(await sizeOf(pictures!.loss!), ['png', 480, 240])
    const { model, modelHash, mode, seed, steps, strength, preserve, fit, caption } = result.report
    const facts = {
      model,
      modelHash,
      mode,
      seed,
      steps,
      strength,
      preserve,
      fit,
      caption: { a: caption!.a, a2: caption!.a2 },
    }
    assert.deepEqual({ ...report, ...facts }, report)
  })

  test('made elsewhere is read, and written as ours are', async () => {
    const width = decodeSafetensors(result.difference!, 'D').tensors.emb_params!.dims[1]!
    const tokens = tensor([2, width], new Float32Array(2 * width).fill(0.1))
    const bytes = encodeSafetensors({ tensors: { '<cat-toy>': tokens }, metadata: { author: 'x' } })
    const { difference, report, pictures } = await worker.run(inspect(bytes))
    const content = decodeSafetensors(difference!, 'D')
    assert.deepEqual(content, { tensors: { emb_params: tokens }, metadata: {} })
    assert.deepEqual([report.model, report.strength, pictures], ['emoji', undefined, undefined])
    const drawn = await worker.run({ ...inspect(bytes), isDrawn: true })
    assert.equal(drawn.report.isDrawn, true)
    assert.deepEqual(await sizeOf(drawn.pictures!.pair!), ['png', 272, 128])
    const unknown = { ...options, strength: undefined, preserve: undefined }
    const apply: ApplyJob = { kind: 'apply', differences: [{ bytes }], image: job.b, options: unknown }
    const applied = (await worker.run(apply)).report
    assert.deepEqual([applied.strength, applied.preserve], [1, 1])
  })

  test('that is damaged is refused with a sentence', async () => {
    for (const bytes of [new Uint8Array(100), result.difference!.slice(0, -7), changed({ isto_seed: 'x' })]) {
      await assert.rejects(worker.run(inspect(bytes)), (error: Error) => {
        return (
          error instanceof UserError && !(error instanceof OtherModelError) && error.message.startsWith('The file ')
        )
      })
    }
  })

  test('of another model is told apart, when it is read and when it is applied', async () => {
    const bytes = changed({ isto_model: 'sd15', isto_model_hash: '0123456789abcdef' })
    const apply: ApplyJob = { kind: 'apply', differences: [{ bytes }], image: job.b, options }
    for (const each of [inspect(bytes), apply]) {
      await assert.rejects(worker.run(each), (error: Error) => {
        return error instanceof OtherModelError && /was learned on the model “sd15”/.test(error.message)
      })
    }
  })
})

test('a cancel is seen within one step', async () => {
  const controller = new AbortController()
  const stop = new Error('stop')
  let after = 0
  const long = { ...job, options: { ...options, steps: 10_000 } }
  const running = worker.run(long, {
    signal: controller.signal,
    onProgress: ({ stage, step }) => {
      if (controller.signal.aborted) after++
      else if (stage === 'learn' && step === 3) controller.abort(stop)
    },
  })
  await assert.rejects(running, stop)
  assert.ok(after <= 1, `${after} more steps`)
})
