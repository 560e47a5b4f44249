import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { narrate, throttleLatest } from '../../../src/discord/message/progress.ts'

test('a place in the queue, a stage, and the time until the end', () => {
  assert.equal(narrate({ ahead: 2 }), 'Waiting: 2 jobs are ahead of yours.')
  assert.equal(
    narrate({ ahead: 1, secondsLeft: 200 }, 1_000_000),
    'Waiting: one job is ahead of yours. It should be ready <t:1200:R>.',
  )
  assert.equal(narrate({ ahead: 0, secondsLeft: 20 }), 'Starting …')
  assert.equal(narrate({ stage: 'load', step: 0, of: 1 }), 'Loading the model …')
  assert.equal(
    narrate({ stage: 'learn', step: 0, of: 100 }),
    'Learning what changes from A to A′\n▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱▱ 0 of 100',
  )
  assert.match(
    narrate({ stage: 'learn', step: 25, of: 100, secondsLeft: 15.4 }),
    /▰{5}▱{15} 25 of 100, about 15 s left$/,
  )
  assert.match(narrate({ stage: 'learn', step: 50, of: 100, secondsLeft: 400 }), /about 7 min left$/)
  assert.doesNotMatch(narrate({ stage: 'sample', step: 1, of: 20 }), /left/)
})

test('edits are apart, never overlap, and show the newest value only', async () => {
  const shown: number[] = []
  let underWay = 0
  const edits = throttleLatest<number>(async (value) => {
    assert.equal(++underWay, 1)
    shown.push(value)
    await sleep(5)
    underWay--
  }, 40)
  const started = performance.now()
  for (let value = 0; value < 20; value++) {
    edits.push(value)
    await sleep(5)
  }
  while (shown.at(-1) !== 19) await sleep(5)
  const most = (performance.now() - started) / 40 + 1
  assert.ok(shown.length <= most, `${shown.length} edits where ${most} are allowed`)
  assert.ok(shown.length > 1)
  await edits.stop()
})

test('stopping waits for the edit under way and drops the one that waits', async () => {
  const shown: string[] = []
  const edits = throttleLatest<string>(async (value) => {
    await sleep(20)
    shown.push(value)
  }, 1)
  edits.push('first')
  await sleep(10)
  edits.push('stale')
  await edits.stop()
  edits.push('late')
  await sleep(30)
  assert.deepEqual(shown, ['first'])
})
