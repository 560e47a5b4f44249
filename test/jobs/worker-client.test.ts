import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { OtherModelError, UserError } from '../../src/errors.ts'
import type { Job, Progress } from '../../src/jobs/protocol.ts'
import { startWorker } from '../../src/jobs/worker-client.ts'

const path = new URL('../fixtures/fake-worker.ts', import.meta.url)

const job = (model: string, prompt?: string): Job => ({
  kind: 'bench-step',
  repeats: 1,
  options: { model, mode: 'fast', seed: 7, ...(prompt && { prompt }) },
})

const attemptsFile = () => join(mkdtempSync(join(tmpdir(), 'isto-')), 'attempts')

test('a job comes back with its bytes, after its progress', async () => {
  const worker = startWorker({ path })
  const seen: Progress[] = []
  const result = await worker.run(job('any'), { onProgress: (progress) => seen.push(progress) })
  await worker.close()
  assert.deepEqual(new Uint8Array(result.image!), new Uint8Array([1, 2, 3]))
  assert.equal(result.report.seed, 7)
  assert.deepEqual(seen, [{ stage: 'learn', step: 1, of: 2 }])
})

test('the child gets its arguments', async () => {
  const worker = startWorker({ path, args: ['data/gradients'] })
  assert.equal((await worker.run(job('argument'))).report.model, 'data/gradients')
  await worker.close()
})

test('a child that follows one that died gets other arguments, as do all after it', async () => {
  const worker = startWorker({ path, args: ['cuda'], argsAfterEnd: ['cpu'] })
  assert.equal((await worker.run(job('argument'))).report.model, 'cuda')
  await worker.run(job('die once', attemptsFile()))
  assert.equal((await worker.run(job('argument'))).report.model, 'cpu')
  await worker.close()
})

test('a failure keeps its kind, and the same child goes on', async () => {
  const exits: string[] = []
  const worker = startWorker({ path, onExit: (exit) => exits.push(exit) })
  await assert.rejects(worker.run(job('user')), new UserError('That is not a picture.'))
  await assert.rejects(worker.run(job('other model')), new OtherModelError('Learned elsewhere.'))
  await assert.rejects(worker.run(job('internal')), (error: Error) => {
    return !(error instanceof UserError) && error.message === 'no such tensor'
  })
  await worker.run(job('any'))
  await worker.close()
  assert.deepEqual(exits, [])
})

test('a job whose child dies is run once more in a new child', async () => {
  const attempts = attemptsFile()
  const exits: string[] = []
  const worker = startWorker({ path, onExit: (exit) => exits.push(exit) })
  const result = await worker.run(job('die once', attempts))
  assert.equal(result.report.model, 'die once')
  assert.equal(readFileSync(attempts, 'utf8'), 'xx')
  assert.deepEqual(exits, ['code 3'])
  await worker.close()
})

test('a job that kills every child is given up, and the next one gets a new child', async () => {
  const attempts = attemptsFile()
  const worker = startWorker({ path })
  await assert.rejects(worker.run(job('die', attempts)), (error: Error) => {
    assert.ok(error instanceof UserError)
    assert.match(error.message, /^The model’s process ended twice during this job/)
    assert.match(String(error.cause), /SIGKILL/)
    return true
  })
  assert.equal(readFileSync(attempts, 'utf8'), 'xx')
  await worker.run(job('any'))
  await worker.close()
})

test('an entry that cannot start is a clear error, not a hang', async () => {
  const worker = startWorker({ path: new URL('../fixtures/missing.ts', import.meta.url) })
  await assert.rejects(worker.run(job('any')), /ended twice during this job/)
  await worker.close()
})

test('a child that dies while it has nothing to do is started again for the next job', async () => {
  const exits: string[] = []
  const died = Promise.withResolvers<void>()
  const worker = startWorker({ path, onExit: (exit) => died.resolve(void exits.push(exit)) })
  await worker.run(job('die later'))
  await died.promise
  await worker.run(job('any'))
  await worker.close()
  assert.deepEqual(exits, ['code 4'])
})

const impatient = { answerMilliseconds: 10_000, silenceMilliseconds: 1000 }

test('a child that hangs at work is killed, and the job done in a new one', async () => {
  const exits: string[] = []
  const attempts = attemptsFile()
  const worker = startWorker({ path, ...impatient, onExit: (exit) => exits.push(exit) })
  const result = await worker.run(job('freeze once', attempts))
  assert.equal(result.report.model, 'freeze once')
  assert.equal(readFileSync(attempts, 'utf8'), 'xx')
  assert.deepEqual(exits, ['no sign of life for 1 s'])
  await worker.close()
})

const isLinux = process.platform === 'linux'

test('a child that computes is left alone for longer, but not for ever', {
  skip: !isLinux && 'it needs /proc',
}, async () => {
  const exits: string[] = []
  const worker = startWorker({ path, ...impatient, silenceMilliseconds: 400, onExit: (exit) => exits.push(exit) })
  assert.equal((await worker.run(job('compute 1000'))).report.model, 'compute 1000')
  assert.deepEqual(exits, [])
  await assert.rejects(worker.run(job('compute 60000')), /ended twice during this job/)
  assert.deepEqual(exits, Array(2).fill('no sign of life for 2.4 s'))
  await worker.close()
})

test('a job on which every child hangs is given up', async () => {
  const worker = startWorker({ path, ...impatient })
  await assert.rejects(worker.run(job('freeze')), /ended twice during this job/)
  await worker.run(job('any'))
  await worker.close()
})

test('a child that hangs while it has nothing to do is noticed at the next job', async () => {
  const exits: string[] = []
  const worker = startWorker({ path, answerMilliseconds: 2000, onExit: (exit) => exits.push(exit) })
  await worker.run(job('freeze later'))
  assert.equal((await worker.run(job('any'))).report.model, 'any')
  assert.deepEqual(exits, ['no sign of life for 2 s'])
  await worker.close()
})

test('a job that takes long is not taken for hung as long as it tells of its progress', async () => {
  const exits: string[] = []
  const worker = startWorker({ path, ...impatient, onExit: (exit) => exits.push(exit) })
  assert.equal((await worker.run(job('steps'))).report.model, 'steps')
  assert.deepEqual(exits, [])
  await worker.close()
})

test('a child that is stopped can be closed', { timeout: 60_000 }, async () => {
  const worker = startWorker({ path })
  const childId = Number((await worker.run(job('freeze later'))).report.model)
  const state = () => execFileSync('ps', ['-o', 'stat=', '-p', String(childId)], { encoding: 'utf8' })
  while (!state().startsWith('T')) await new Promise(setImmediate)
  await worker.close()
  assert.throws(() => process.kill(childId, 0), { code: 'ESRCH' })
})

test('cancelling rejects with the reason given, and the child lives on', async () => {
  const exits: string[] = []
  const worker = startWorker({ path, onExit: (exit) => exits.push(exit) })
  const controller = new AbortController()
  const reason = new Error('cancelled by its owner')
  const running = worker.run(job('wait'), { signal: controller.signal, onProgress: () => controller.abort(reason) })
  await assert.rejects(running, reason)
  await worker.run(job('any'))
  assert.deepEqual(exits, [])
  await worker.close()
})

test('a child that does not hear a cancel is killed after the grace, and not tried again', async () => {
  const attempts = attemptsFile()
  const worker = startWorker({ path, cancelGraceMilliseconds: 20 })
  const controller = new AbortController()
  const running = worker.run(job('deaf', attempts), {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('enough')),
  })
  await assert.rejects(running, /enough/)
  assert.equal(readFileSync(attempts, 'utf8'), 'x')
  await worker.close()
})

test('closing ends a running job with an error', async () => {
  const worker = startWorker({ path })
  const running = worker.run(job('wait'), { onProgress: () => void worker.close() })
  await assert.rejects(running, /closed/)
})

test('the real worker answers a job it cannot do with a sentence', async () => {
  const worker = startWorker({ path: new URL('../../src/worker/main.ts', import.meta.url) })
  await assert.rejects(worker.run(job('there is no such model')), UserError)
  const model = fileURLToPath(new URL('../../models/emoji', import.meta.url))
  const empty = { kind: 'learn', pairs: [{ a: new Uint8Array(), a2: new Uint8Array() }] } as const
  await assert.rejects(worker.run({ ...empty, options: { model, mode: 'fast', seed: 0 } }), (error: UserError) => {
    assert.deepEqual(error.sentence, { template: '{name} is empty: choose another picture.', values: { name: 'A' } })
    return error.message === 'A is empty: choose another picture.'
  })
  await worker.close()
})
