import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identical } from '../../src/image/picture.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

test('pictures are identical when no pixel differs by more than one step of 255', () => {
  const base = tensor([3, 2, 2], new Float32Array(12).fill(0.1))
  const moved = (by: number): Tensor => tensor([3, 2, 2], base.data.with(5, 0.1 + by))
  assert.ok(identical(base, base))
  assert.ok(identical(base, moved(2 / 255)))
  assert.ok(!identical(base, moved(-3 / 255)))
  assert.ok(!identical(base, tensor([3, 1, 4], base.data)))
})
