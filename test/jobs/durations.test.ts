import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDurations } from '../../src/jobs/durations.ts'
import type { Job } from '../../src/jobs/protocol.ts'

const apply = (model = 'emoji'): Job => ({
  kind: 'apply',
  differences: [],
  image: new Uint8Array(),
  options: { model, mode: 'fast', seed: 0 },
})

/** Durations on a clock that is moved by hand, in seconds. */
function setUp() {
  let seconds = 0
  const durations = createDurations(() => seconds * 1000)
  const pass = (more: number) => (seconds += more)
  /** Runs an apply job whose sampling takes so long. */
  const apply1 = (sampleSeconds: number, model?: string) => {
    const watch = durations.start(apply(model))
    watch.see({ stage: 'load', step: 0, of: 1 })
    pass(1)
    watch.see({ stage: 'caption', step: 0, of: 1 })
    watch.see({ stage: 'sample', step: 1, of: 25 })
    pass(sampleSeconds)
    watch.finish()
  }
  return { durations, pass, run: apply1 }
}

test('the first guess is of the right size, and a run of many steps is expected to be long', () => {
  const { durations } = setUp()
  const analogy: Job = {
    kind: 'analogy',
    pairs: [],
    b: new Uint8Array(),
    options: { model: 'emoji', mode: 'fast', seed: 0 },
  }
  assert.ok(durations.expect(analogy) > 5 && durations.expect(analogy) < 30)
  const parity: Job = { ...analogy, options: { ...analogy.options, mode: 'parity' } }
  assert.ok(durations.expect(parity) > 60)
  assert.ok(durations.expect({ ...analogy, options: { ...analogy.options, steps: 6000 } }) > 300)
})

test('what is expected is the median of the last nine, for each model', () => {
  const { durations, run } = setUp()
  run(10)
  assert.equal(durations.expect(apply()), 11)
  for (const seconds of [10, 12, 500]) run(seconds)
  assert.equal(durations.expect(apply()), 13)
  for (let time = 0; time < 5; time++) run(30)
  assert.equal(durations.expect(apply()), 31)
  for (let time = 0; time < 9; time++) run(2)
  assert.equal(durations.expect(apply()), 3)
  assert.notEqual(durations.expect(apply('another')), 3)
})

test('while it runs, what is left follows the pace of the stage it is in', () => {
  const { durations, run, pass } = setUp()
  run(10)
  const watch = durations.start(apply())
  assert.equal(watch.secondsLeft(), 11)
  watch.see({ stage: 'sample', step: 1, of: 25 })
  assert.equal(watch.secondsLeft(), 10)
  pass(4)
  assert.equal(watch.secondsLeft(), 6)
  watch.see({ stage: 'sample', step: 3, of: 25 })
  // Two of twenty-four steps in four seconds: slower than usual.
  assert.ok(Math.abs(watch.secondsLeft() - 44) < 1e-9)
  pass(1000)
  watch.see({ stage: 'sample', step: 25, of: 25 })
  assert.equal(watch.secondsLeft(), 0)
})

test('a caption of B after learning does not bring the learning back', () => {
  const { durations } = setUp()
  const watch = durations.start({
    kind: 'analogy',
    pairs: [],
    b: new Uint8Array(),
    options: { model: 'm', mode: 'fast', seed: 0 },
  })
  watch.see({ stage: 'try', step: 25, of: 25 })
  const before = watch.secondsLeft()
  watch.see({ stage: 'caption', step: 0, of: 1 })
  assert.ok(watch.secondsLeft() <= before)
})

test('a job that takes longer than ever is never said to have less than no time left', () => {
  const { durations, pass } = setUp()
  const watch = durations.start(apply())
  pass(10_000)
  assert.ok(watch.secondsLeft() >= 0)
})
