import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { blend, changeMask } from '../../src/engine/blend.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

const SIDE = 16
/** [3, height, width] of `value(x, y)`. */
function drawn(width: number, height: number, value: (x: number, y: number, channel: number) => number): Tensor {
  const picture = tensor([3, height, width])
  for (const index of picture.data.keys()) {
    const pixel = index % (width * height)
    picture.data[index] = value(pixel % width, Math.floor(pixel / width), Math.floor(index / (width * height)))
  }
  return picture
}
const grey = drawn(SIDE, SIDE, () => 0)
/** The left half is red. */
const halfRed = drawn(SIDE, SIDE, (x, _, channel) => (x < SIDE / 2 && channel === 0 ? 1 : 0))

describe('where a picture was changed', () => {
  test('is where a channel changed by more than the autoencoder does', () => {
    const mask = changeMask(halfRed, grey, 0.05)
    assert.deepEqual(mask.dims, [SIDE, SIDE])
    assert.deepEqual([mask.data[0], mask.data[SIDE - 1]], [1, 0])
  })

  test('is nowhere where the change is as small as its error', () => {
    const noise = createRandom(1).normal([3, SIDE, SIDE])
    const shaken = tensor(
      noise.dims,
      noise.data.map((value) => value * 0.02),
    )
    assert.ok(changeMask(shaken, grey, 0.05).data.every((value) => value === 0))
  })

  test('is seen however bad the autoencoder is', () => {
    assert.equal(changeMask(halfRed, grey, 5).data[0], 1)
  })
})

describe('blended', () => {
  const mask = changeMask(halfRed, grey, 0.05)

  test('the picture’s own pixels stay outside the change, whatever was made there', () => {
    const original = drawn(SIDE, SIDE, (x, y) => ((x + y) % 2 === 0 ? 0.5 : -0.5))
    const made = blend(original, halfRed, mask)
    for (let y = 0; y < SIDE; y++) {
      assert.equal(made.data[y * SIDE + SIDE - 2], original.data[y * SIDE + SIDE - 2])
      assert.equal(made.data[y * SIDE], 1)
    }
  })

  test('with an empty mask it is the picture, to the bit', () => {
    const original = createRandom(2).normal([3, SIDE, SIDE])
    assert.deepEqual(blend(original, halfRed, tensor([SIDE, SIDE])), original)
  })
})
