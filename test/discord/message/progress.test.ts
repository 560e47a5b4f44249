import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { sayIn } from '../../../src/discord/language/say.ts'
import { narrate, throttleLatest } from '../../../src/discord/message/progress.ts'

const say = sayIn('en-US')

test('a place in the queue, a stage, and the time until the end', () => {
  assert.equal(narrate(say, { ahead: 2 }), 'Waiting: 2 jobs are ahead of yours.')
  assert.equal(
    narrate(say, { ahead: 1, secondsLeft: 200 }, 1_000_000),
    'Waiting: one job is ahead of yours. It should be ready <t:1200:R>.',
  )
  assert.equal(narrate(say, { ahead: 0, secondsLeft: 20 }), 'Starting …')
  assert.equal(narrate(say, { stage: 'load', step: 0, of: 1 }), 'Loading the model …')
  assert.equal(
    narrate(say, { stage: 'learn', step: 0, of: 100 }),
    'Learning what changes from A to A′\n0 % done, step 0 of 100',
  )
  assert.match(
    narrate(say, { stage: 'learn', step: 25, of: 100, secondsLeft: 15.4 }),
    /25 % done, step 25 of 100, about 20 seconds left$/,
  )
  assert.match(narrate(say, { stage: 'learn', step: 50, of: 100, secondsLeft: 400 }), /about 7 minutes left$/)
  assert.doesNotMatch(narrate(say, { stage: 'sample', step: 1, of: 20 }), /left/)
})

/** A clock that stands still until it is moved on. */
function stopClock({ mock }: TestContext) {
  let now = 0
  mock.timers.enable({ apis: ['setTimeout'] })
  mock.method(performance, 'now', () => now)
  return async (milliseconds: number) => {
    for (let step = 0; step < milliseconds; step++) {
      now++
      mock.timers.tick(1)
      await new Promise(setImmediate)
    }
  }
}

test('edits are apart, never overlap, and show the newest value only', async (context) => {
  const pass = stopClock(context)
  const shown: [value: number, at: number][] = []
  let underWay = 0
  const edits = throttleLatest<number>(
    async (value) => {
      assert.equal(++underWay, 1)
      shown.push([value, performance.now()])
      await new Promise<void>((resolve) => setTimeout(resolve, 50))
      underWay--
    },
    () => 40,
  )
  for (let value = 0; value < 20; value++) {
    edits.push(value)
    await pass(5)
  }
  await pass(100)
  // The second waits for the first, which takes longer than they are apart.
  assert.deepEqual(shown, [
    [0, 1],
    [10, 52],
    [19, 103],
  ])
  await edits.stop()
})

test('edits that are quick start as far apart as was said', async (context) => {
  const pass = stopClock(context)
  const shown: [value: number, at: number][] = []
  const edits = throttleLatest<number>(
    async (value) => void shown.push([value, performance.now()]),
    () => 40,
  )
  for (let value = 0; value < 20; value++) {
    edits.push(value)
    await pass(5)
  }
  await pass(100)
  assert.deepEqual(shown, [
    [0, 1],
    [8, 41],
    [16, 81],
    [19, 121],
  ])
})

test('stopping waits for the edit under way and drops the one that waits', async (context) => {
  const pass = stopClock(context)
  const shown: string[] = []
  const first = Promise.withResolvers<void>()
  const edits = throttleLatest<string>(
    async (value) => {
      await first.promise
      shown.push(value)
    },
    () => 1,
  )
  edits.push('first')
  await pass(10)
  edits.push('stale')
  let isStopped = false
  const stopped = edits.stop().then(() => {
    isStopped = true
  })
  await pass(10)
  assert.equal(isStopped, false)
  first.resolve()
  await stopped
  edits.push('late')
  await pass(10)
  assert.deepEqual(shown, ['first'])
})
