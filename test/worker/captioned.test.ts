import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ImagePair, JobOptions } from '../../src/jobs/protocol.ts'
import { startWorker, type Worker } from '../../src/jobs/worker-client.ts'
import { english } from '../../src/sentence.ts'
import { modelWith } from '../fixtures/model-with.ts'

// Model folders that came with a captioner of photographs, with CLIP’s encoders beside it and without.

const example = async (name: string) =>
  new Uint8Array(await readFile(join(import.meta.dirname, '../../examples/02-orange-to-purple', name)))

let worker: Worker
let pair: ImagePair
let b: Uint8Array
const models: Record<string, Awaited<ReturnType<typeof modelWith>>> = {}
before(async () => {
  worker = startWorker({ path: new URL('../../src/worker/main.ts', import.meta.url) })
  pair = { a: await example('a.png'), a2: await example('a2.png') }
  b = await example('b.png')
  models.whole = await modelWith('sdxl', 'vision', 'captioner')
  models.captioned = await modelWith('sd21', 'captioner')
})
after(async () => {
  await worker.close()
  for (const { remove } of Object.values(models)) await remove()
})

const optionsFor = (name: string, mode: JobOptions['mode'] = 'fast'): JobOptions => ({
  model: models[name]!.folder,
  mode,
  seed: 3,
  steps: 2,
  strength: 1,
  preserve: 0.5,
  isLearned: true,
})

test('an analogy is made with captions and in CLIP’s joint space, and needs no words', async () => {
  const job = { kind: 'analogy', pairs: [pair], b, options: optionsFor('whole') } as const
  const { report, notices } = await worker.run(job)
  assert.deepEqual(notices, [])
  const { caption = {} } = report
  for (const said of [caption.a, caption.a2, caption.b]) assert.match(said!, /\w/)

  const told = await worker.run({ ...job, options: { ...job.options, prompt: 'a small dog' } })
  assert.deepEqual(told.report.caption, { ...caption, b: 'a small dog' }, 'a person’s own words stand')
})

test('the method as the paper has it uses both', async () => {
  const { report, notices } = await worker.run({ kind: 'learn', pairs: [pair], options: optionsFor('whole', 'parity') })
  assert.deepEqual(notices, [])
  assert.ok(Number.isFinite(report.loss?.last))
})

test('where CLIP’s encoders are missing it says so', async () => {
  const { report, notices } = await worker.run({ kind: 'learn', pairs: [pair], options: optionsFor('captioned') })
  assert.match(
    notices.map(english).join('\n'),
    /^The model “\S+” has no CLIP encoders: [^\n]+ without the CLIP loss\.$/,
  )
  assert.match(report.caption!.a!, /\w/)
})
