import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { clipLoss, deltaInterpolation } from '../../src/engine/losses.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

const read = async <Case>(name: string): Promise<Case[]> =>
  JSON.parse(await readFile(join(import.meta.dirname, '../fixtures/losses', name), 'utf8'))

test('the CLIP loss and its gradient are those of PyTorch', async () => {
  type Case = { embedding: number[]; delta: number[]; loss: number; gradient: number[] }
  for (const { embedding, delta, loss, gradient } of await read<Case>('clip.json')) {
    const got = clipLoss(of(embedding), of(delta))
    assert.ok(Math.abs(got.loss - loss) < 1e-6)
    near(got.gradient, gradient)
  }
})

test('without a direction the CLIP loss pulls at nothing', () => {
  const [zero, some] = [of([0, 0]), of([3, 4])]
  assert.deepEqual(clipLoss(zero, some), { loss: 1, gradient: zero })
  assert.deepEqual(clipLoss(some, zero), { loss: 1, gradient: zero })
})

test('delta interpolation is the formula', async () => {
  type Case = { alpha: number; image: number[]; text: number[]; delta: number[] }
  for (const { alpha, image, text, delta } of await read<Case>('delta.json'))
    near(deltaInterpolation(of(image), of(text), alpha), delta)
})

test('delta interpolation has no pole', () => {
  const one = of([0.6, 0.8])
  near(deltaInterpolation(one, one, 0.8), [0.6, 0.8])
  near(deltaInterpolation(one, of([1.2, 1.6]), 0.5), [0.9, 1.2])
  near(deltaInterpolation(one, of([0.6, 0.80002]), 0.5), [0.6, 0.80001])
  near(deltaInterpolation(one, of([-0.6, -0.8]), 0.8), [-0.36, -0.48])
  near(deltaInterpolation(of([0, 0]), one, 0.8), [0.48, 0.64])
  near(deltaInterpolation(one, of([0, 0]), 0.8), [0.12, 0.16])
  assert.deepEqual(deltaInterpolation(of([0, 0]), of([0, 0]), 0.8), of([0, 0]))
  assert.throws(() => deltaInterpolation(one, of([1, 2, 3]), 0.8), RangeError)
})

const of = (numbers: number[]): Tensor => tensor([numbers.length], Float32Array.from(numbers))

function near({ data }: Tensor, expected: number[]): void {
  const difference = Math.hypot(...expected.map((value, index) => data[index]! - value))
  assert.ok(difference < 2e-6 * Math.hypot(...expected), `off by ${difference}`)
}
