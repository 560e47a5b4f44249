import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import sharp from 'sharp'
import type { ApplyJob, ImagePair, JobOptions } from '../../src/jobs/protocol.ts'
import { startWorker, type Worker } from '../../src/jobs/worker-client.ts'
import { english } from '../../src/sentence.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'

// Model folders as optimum exports them: no manifest, no captioner, no image encoder.

const folderOf = (name: string) => join(import.meta.dirname, '../fixtures/pipelines', name)
const examples = join(import.meta.dirname, '../../examples/02-orange-to-purple')
const example = async (name: string) => new Uint8Array(await readFile(join(examples, name)))

let worker: Worker
let pair: ImagePair
let b: Uint8Array
before(async () => {
  worker = startWorker({ path: new URL('../../src/worker/main.ts', import.meta.url) })
  pair = { a: await example('a.png'), a2: await example('a2.png') }
  b = await example('b.png')
})
after(() => worker.close())

for (const [name, shapes] of [
  ['sd15', { emb_params: [4, 16] }],
  ['sdxl', { clip_l: [4, 16], clip_g: [4, 24] }],
  ['sd3', { clip_l: [4, 16], clip_g: [4, 24], t5xxl: [4, 48] }],
  ['flux', { clip_l: [4, 16], t5xxl: [4, 48] }],
] as const) {
  describe(`with ${name}`, () => {
    const options: JobOptions = {
      model: folderOf(name),
      mode: 'fast',
      seed: 3,
      steps: 2,
      strength: 1,
      preserve: 0.5,
      isLearned: true,
    }

    test('an analogy is made from the pictures alone, and says so', async () => {
      const { image, difference, report, notices } = await worker.run({ kind: 'analogy', pairs: [pair], b, options })
      assert.equal((await sharp(image).metadata()).format, 'png')
      const { tensors } = decodeSafetensors(difference!, 'D')
      assert.deepEqual(Object.fromEntries(Object.entries(tensors).map(([key, { dims }]) => [key, dims])), shapes)
      assert.ok(Object.values(tensors).every(({ data }) => data.some((value) => value !== 0)))
      assert.deepEqual(
        [report.model, report.steps, report.caption?.a, report.caption?.b],
        [name, 2, undefined, undefined],
      )
      assert.match(
        notices.map(english).join('\n'),
        /no captioner and no image encoder: .* pictures alone.*\n.*describe it in your own words/,
      )

      const apply: ApplyJob = { kind: 'apply', differences: [{ bytes: difference! }], image: b, options }
      assert.match((await worker.run(apply)).notices.map(english).join('\n'), /^The model “\w+” can’t describe[^\n]*$/)
      const told = await worker.run({ ...apply, options: { ...options, prompt: 'a small dog' } })
      assert.deepEqual([told.notices, told.report.caption?.b], [[], 'a small dog'])
    })
  })
}

test('L_CLIP is left out of the method as the paper has it', async () => {
  const options: JobOptions = { model: folderOf('sd15'), mode: 'parity', seed: 3, steps: 2, strength: 1, preserve: 1 }
  const { notices, report } = await worker.run({ kind: 'learn', pairs: [pair], options })
  assert.match(notices.map(english).join('\n'), /without the CLIP loss/)
  assert.ok(Number.isFinite(report.loss?.last))
})
