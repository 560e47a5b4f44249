import assert from 'node:assert/strict'
import { test } from 'node:test'
import { combine, concatenate, cosine, meanSquare, median, repeat, rows, sumRows, unit } from '../../src/tensor/math.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const vector = (...values: number[]) => tensor([1, values.length], Float32Array.from(values))

test('sums of multiples', () => {
  assert.deepEqual(combine([2, vector(1, 2)], [-1, vector(0, 3)]), vector(2, 1))
  assert.throws(() => combine([1, vector(1, 2)], [1, vector(1)]), RangeError)
})

test('rows are joined, taken, repeated and summed', () => {
  const both = concatenate([vector(1, 2), vector(3, 4)])
  assert.deepEqual(both.dims, [2, 2])
  assert.deepEqual(rows(both, 1, 2), vector(3, 4))
  assert.deepEqual(repeat(vector(5, 6), 2), concatenate([vector(5, 6), vector(5, 6)]))
  assert.deepEqual(sumRows(both), vector(4, 6))
})

test('lengths and angles', () => {
  assert.deepEqual(unit(vector(3, 4)), vector(0.6, 0.8))
  assert.deepEqual(unit(vector(0, 0)), vector(0, 0))
  assert.ok(Math.abs(cosine(vector(1, 0), vector(2, 2)) - Math.SQRT1_2) < 1e-6)
  assert.equal(meanSquare(vector(1, 2), vector(1, 4)), 2)
})

test('the middle of numbers', () => {
  assert.equal(median([3, 1, 2]), 2)
  assert.equal(median([4, 1, 2, 3]), 2.5)
})
