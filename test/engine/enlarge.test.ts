import assert from 'node:assert/strict'
import { test } from 'node:test'
import { enlarge } from '../../src/engine/enlarge.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const whole = { left: 0, top: 0, width: 8, height: 4 }

test('at its own size a picture stays as it is', () => {
  const picture = createRandom(1).normal([3, 4, 8])
  for (const kernel of ['linear', 'cubic'] as const) {
    assert.deepEqual(enlarge(picture, whole, { width: 8, height: 4 }, kernel), picture)
  }
})

test('a slope stays a slope, in place', () => {
  const slope = tensor(
    [4, 8],
    Float32Array.from({ length: 32 }, (_, at) => at % 8),
  )
  for (const kernel of ['linear', 'cubic'] as const) {
    const { dims, data } = enlarge(slope, whole, { width: 24, height: 12 }, kernel)
    assert.deepEqual(dims, [12, 24])
    for (let x = 6; x < 18; x++) assert.ok(Math.abs(data[5 * 24 + x]! - ((x + 0.5) / 3 - 0.5)) < 1e-5, `${kernel} ${x}`)
  }
})

test('of a part, nothing beyond it is used', () => {
  const picture = tensor([4, 8], new Float32Array(32).fill(9))
  const area = { left: 2, top: 1, width: 4, height: 2 }
  for (let y = 1; y < 3; y++) picture.data.fill(1, y * 8 + 2, y * 8 + 6)
  const { data } = enlarge(picture, area, { width: 16, height: 8 }, 'cubic')
  assert.ok(data.every((value) => Math.abs(value - 1) < 1e-6))
})
