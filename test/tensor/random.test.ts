import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRandom, xoshiro128 } from '../../src/tensor/random.ts'

test('xoshiro128** gives the numbers of its authors’ C code', () => {
  const next = xoshiro128([1, 2, 3, 4])
  assert.deepEqual(
    Array.from({ length: 8 }, next),
    [11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849],
  )
})

test('a seed means the same numbers on every machine', () => {
  const random = createRandom(0)
  assert.deepEqual(
    [random.uniform(), random.integer(1000), ...random.normal([3]).data],
    [0.8407041025338049, 874, -0.2509251534938812, -0.15809491276741028, -0.5180263519287109],
  )
})

test('uniform numbers fill [0, 1) evenly', () => {
  const random = createRandom(1)
  const tenths = new Array<number>(10).fill(0)
  for (let draw = 0; draw < 20_000; draw++) tenths[Math.floor(random.uniform() * 10)]!++
  for (const count of tenths) assert.ok(Math.abs(count - 2000) < 200, `${tenths}`)
})

test('normal numbers have the moments and the tails of a normal distribution', () => {
  const { data, dims } = createRandom(2).normal([100, 1001])
  assert.deepEqual(dims, [100, 1001])
  const moment = (power: number) => data.reduce((sum, value) => sum + value ** power, 0) / data.length
  assert.ok(Math.abs(moment(1)) < 0.015)
  assert.ok(Math.abs(moment(2) - 1) < 0.02)
  assert.ok(Math.abs(moment(4) - 3) < 0.15)
  const beyond = (limit: number) => data.filter((value) => Math.abs(value) > limit).length / data.length
  assert.ok(Math.abs(beyond(1.959964) - 0.05) < 0.004)
  assert.ok(Math.abs(beyond(2.575829) - 0.01) < 0.002)
})

test('integers are whole, in range and fair', () => {
  const random = createRandom(3)
  const counts = [0, 0, 0]
  for (let draw = 0; draw < 9000; draw++) counts[random.integer(3)]!++
  for (const count of counts) assert.ok(Math.abs(count - 3000) < 250, `${counts}`)
  assert.equal(random.integer(1), 0)
  for (const limit of [0, -1, 1.5, NaN, 2 ** 33]) assert.throws(() => random.integer(limit), RangeError)
})

test('a shuffle keeps every item and leaves its argument alone', () => {
  const items = Array.from({ length: 50 }, (_, index) => index)
  const shuffled = createRandom(4).shuffle(items)
  assert.notDeepEqual(shuffled, items)
  assert.deepEqual(
    shuffled.toSorted((a, b) => a - b),
    items,
  )
  assert.equal(items[0], 0)
})

test('a fork depends on seed and labels, not on what was drawn before', () => {
  const fresh = createRandom(5)
  const used = createRandom(5)
  used.normal([7])
  const draws = (random: { uniform(): number }) => Array.from({ length: 4 }, () => random.uniform())
  const learn = draws(fresh.fork('learn'))
  assert.deepEqual(draws(used.fork('learn')), learn)
  for (const other of [
    fresh.fork('sample'),
    createRandom(6).fork('learn'),
    fresh.fork('learn').fork('learn'),
    createRandom(5),
  ]) {
    assert.notDeepEqual(draws(other), learn)
  }
  assert.notDeepEqual(draws(fresh.fork('a').fork('b')), draws(fresh.fork('a/b')))
})

test('a seed that is not a whole number below 2³² is refused', () => {
  for (const seed of [-1, 0.5, NaN, 2 ** 32]) assert.throws(() => createRandom(seed), RangeError)
})
