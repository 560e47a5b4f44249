import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setImmediate as turn } from 'node:timers/promises'
import type { Job, JobResult } from '../../src/jobs/protocol.ts'
import { createQueue } from '../../src/jobs/queue.ts'
import { startWorker } from '../../src/jobs/worker-client.ts'

const job = (model: string): Job => ({ kind: 'bench-step', repeats: 1, options: { model, mode: 'fast', seed: 0 } })

/** A worker whose jobs end when the test says so. */
function byHand() {
  const started: string[] = []
  const finish: (() => void)[] = []
  const run = (given: Job, { signal }: { signal?: AbortSignal } = {}) =>
    new Promise<JobResult>((resolve, reject) => {
      const { model, mode, seed } = given.options
      started.push(model)
      signal?.addEventListener('abort', () => finish.push(() => reject(signal.reason)))
      finish.push(() => resolve({ report: { model, mode, seed, seconds: {}, peakRssBytes: 0 }, notices: [] }))
    })
  const next = async () => {
    finish.shift()?.()
    await turn()
  }
  return { run, started, next }
}

test('jobs run one at a time in the order they came, and each hears its place', async () => {
  const hand = byHand()
  const queue = createQueue(hand)
  const places: Record<string, number[]> = { a: [], b: [], c: [] }
  const results = ['a', 'b', 'c'].map((name) =>
    queue.add(job(name), { onPosition: (ahead) => places[name]!.push(ahead) }),
  )
  await turn()
  assert.equal(queue.size(), 3)
  assert.deepEqual(hand.started, ['a'])
  await hand.next()
  assert.deepEqual(hand.started, ['a', 'b'])
  await hand.next()
  await hand.next()
  assert.deepEqual(await Promise.all(results).then((all) => all.map((result) => result.report.model)), ['a', 'b', 'c'])
  assert.deepEqual(places, { a: [0], b: [1, 0], c: [2, 1, 0] })
  assert.equal(queue.size(), 0)
})

test('a job cancelled while it waits never starts, and the others move up', async () => {
  const hand = byHand()
  const queue = createQueue(hand)
  const controller = new AbortController()
  const places: number[] = []
  const first = queue.add(job('first'))
  const second = queue.add(job('second'), { signal: controller.signal })
  const third = queue.add(job('third'), { onPosition: (ahead) => places.push(ahead) })
  controller.abort(new Error('changed my mind'))
  await assert.rejects(second, /changed my mind/)
  assert.deepEqual(places, [2, 1])
  await hand.next()
  await hand.next()
  await Promise.all([first, third])
  assert.deepEqual(hand.started, ['first', 'third'])
})

test('a job cancelled while it runs keeps its place until the worker is free', async () => {
  const hand = byHand()
  const queue = createQueue(hand)
  const controller = new AbortController()
  const first = queue.add(job('first'), { signal: controller.signal })
  const second = queue.add(job('second'))
  await turn()
  controller.abort(new Error('stop'))
  await turn()
  assert.deepEqual(hand.started, ['first'])
  await hand.next() // the worker ended before it saw the cancel
  await first
  assert.deepEqual(hand.started, ['first', 'second'])
  await hand.next()
  await hand.next()
  await second
})

test('closing rejects what runs, what waits and what comes later', async () => {
  const hand = byHand()
  const queue = createQueue(hand)
  const jobs = ['a', 'b'].map((name) => queue.add(job(name)))
  await turn()
  queue.close(new Error('restarting'))
  await assert.rejects(jobs[1]!, /restarting/)
  await hand.next()
  await assert.rejects(queue.add(job('c')), /restarting/)
  await jobs[0]
  assert.deepEqual(hand.started, ['a'])
})

test('over a real child: two jobs, the first cancelled, the second done', async () => {
  const worker = startWorker({ path: new URL('../fixtures/fake-worker.ts', import.meta.url) })
  const queue = createQueue(worker)
  const controller = new AbortController()
  const first = queue.add(job('wait'), {
    signal: controller.signal,
    onProgress: () => controller.abort(new Error('stop')),
  })
  const second = queue.add(job('slow'))
  await assert.rejects(first, /stop/)
  assert.equal((await second).report.model, 'slow')
  await worker.close()
})
