import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseQueue } from '../../src/jobs/choose-queue.ts'

const now = 1e12
const head = (model: string, turn: number, waited: number) => ({ model, turn, placedAt: now - waited })
const choose = (heads: readonly ReturnType<typeof head>[], loaded?: string) => chooseQueue(heads, loaded, now, 1000)

test('a worker stays with the model it has loaded', () => {
  assert.equal(choose([head('one', 2, 10), head('two', 1, 900)], 'one'), 'one')
})

test('but not while another model’s job has waited for too long, and for longer than its own', () => {
  assert.equal(choose([head('one', 2, 10), head('two', 1, 1100)], 'one'), 'two')
  assert.equal(choose([head('one', 2, 2000), head('two', 1, 1100)], 'one'), 'one')
})

test('an idle one takes the first in turn, whatever it has to load for it', () => {
  assert.equal(choose([head('three', 2, 10), head('two', 1, 5)], 'one'), 'two')
  assert.equal(choose([head('three', 2, 10), head('two', 1, 5)]), 'two')
  assert.equal(choose([], 'one'), undefined)
})
