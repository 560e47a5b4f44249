import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type LearnOptions, learn } from '../../src/engine/learn.ts'
import { cosine } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks, vector } from '../diffusion/fake-model.ts'

// In the fake model x₀ = prompt + D, so the D that makes A′ out of A's prompt is A′ − prompt.
const model = fakeNetworks()
const example = {
  before: vector(0.1, 0, 0, 0),
  after: vector(0.1, 0.8, -0.5, 0),
  promptBefore: 'a',
  promptAfter: 'a',
}
const options: LearnOptions = {
  steps: 400,
  tokens: 1,
  learningRate: { from: 0.05, to: 0.001 },
  denoisingWeight: 4,
  clipWeight: 0,
  consistency: false,
  timesteps: { from: 0.3, to: 1 },
}
const noDelta = tensor([4])
const learned = async (changes: Partial<LearnOptions> = {}, delta = noDelta) =>
  learn(model, [example], delta, { ...options, ...changes }, { random: createRandom(0) })
const values = ({ tokens }: Awaited<ReturnType<typeof learned>>) => [...tokens[0]!.data]
const near = (actual: readonly number[], expected: readonly number[], within: number) =>
  assert.ok(
    expected.every((value, index) => Math.abs(actual[index]! - value) < within),
    `${actual} ≠ ${expected}`,
  )

test('the difference between A and A′ is learned from zero', async () => {
  near(values(await learned({ steps: 1 })), [0, 0.05, -0.05, 0], 1e-4)
  near(values(await learned()), [0, 0.8, -0.5, 0], 0.01)
})

test('with L_before, D keeps only what added to A gives A′ and taken from A′ gives A', async () => {
  // L_after asks for (0, 0.8, −0.5, 0); L_before, since A′'s prompt says no more than A's, for (0, 0, 0, 0): the middle.
  near(values(await learned({ consistency: true })), [0, 0.4, -0.25, 0], 0.02)
})

test('L_CLIP turns E_T(D) towards delta', async () => {
  const delta = tensor([4], Float32Array.of(1, 0, 1, 0))
  const { tokens } = await learned({ steps: 100, denoisingWeight: 1e-9, clipWeight: 1 }, delta)
  assert.ok(cosine(await model.joint.embedText('', tokens), delta) > 0.99)
})

test('same seed, same tokens; another seed, others', async () => {
  const once = async (seed: number) =>
    learn(model, [example], noDelta, { ...options, steps: 20 }, { random: createRandom(seed) })
  assert.deepEqual(await once(1), await once(1))
  assert.notDeepEqual((await once(1)).losses, (await once(2)).losses)
})
