import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createBar, createProgress } from '../../src/cli/progress.ts'

test('on a terminal a bar is drawn over itself, with the time left, and taken away', () => {
  const { written, screen, clock } = setUp({ isTTY: true, columns: 100 })
  const progress = createProgress(screen, clock.now)
  progress.update({ stage: 'learn', step: 0, of: 100 })
  clock.time = 50
  progress.update({ stage: 'learn', step: 1, of: 100 })
  clock.time = 10_000
  progress.update({ stage: 'learn', step: 10, of: 100 })
  progress.clear()
  assert.deepEqual(written, [
    '\r\x1b[2KLearning the difference  ░░░░░░░░░░░░░░░░░░░░░░░░ 0/100',
    '\r\x1b[2KLearning the difference  ██░░░░░░░░░░░░░░░░░░░░░░ 10/100 · about 2 minutes left',
    '\r\x1b[2K',
  ])
})

test('a stage’s speed is its own, and a line never wraps', () => {
  const { written, screen, clock } = setUp({ isTTY: true, columns: 60 })
  const progress = createProgress(screen, clock.now)
  progress.update({ stage: 'load', step: 0, of: 1 })
  clock.time = 60_000
  progress.update({ stage: 'sample', step: 1, of: 20 })
  clock.time = 61_000
  progress.update({ stage: 'sample', step: 2, of: 20 })
  assert.match(written[2]!, /2\/20 · a/)
  assert.equal(written[2]!.length, '\r\x1b[2K'.length + 59)
})

test('elsewhere there is a line every five seconds, and none for a job that ends before', () => {
  const { written, screen, clock } = setUp({})
  const progress = createProgress(screen, clock.now)
  for (let step = 1; step <= 120; step++) {
    clock.time = step * 100
    progress.update({ stage: 'learn', step, of: 200 })
  }
  progress.clear()
  assert.deepEqual(written, [
    'Learning the difference: 50 of 200, about 15 seconds left\n',
    'Learning the difference: 100 of 200, about 10 seconds left\n',
  ])
})

test('anything else that goes on has the same bar, for hours if need be', () => {
  const { written, screen, clock } = setUp({ isTTY: true, columns: 100 })
  const bar = createBar(screen, clock.now)
  const reading = { label: 'Downloading the model', of: 100, short: '1.0 GB / 5.1 GB', long: '1.0 GB of 5.1 GB' }
  bar.update({ ...reading, step: 0 })
  clock.time = 60_000
  bar.update({ ...reading, step: 1 })
  assert.equal(
    written[1],
    '\r\x1b[2KDownloading the model    ░░░░░░░░░░░░░░░░░░░░░░░░ 1.0 GB / 5.1 GB · about 2 hours left',
  )
})

function setUp(about: { readonly isTTY?: boolean; readonly columns?: number }) {
  const written: string[] = []
  const clock = { time: 0, now: () => clock.time }
  return { written, clock, screen: { ...about, write: (text: string) => written.push(text) } }
}
