import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { differenceGuidance, invert, sample } from '../../src/diffusion/sampler.ts'
import { scale } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks, vector } from './fake-model.ts'

const model = fakeNetworks()
const steps = 20
const near = (actual: Float32Array, expected: readonly number[], within = 1e-4) => {
  for (const [index, value] of expected.entries())
    assert.ok(Math.abs(actual[index]! - value) < within, `${[...actual]} ≠ ${expected}`)
}
const tokens = [tensor([1, 4], Float32Array.of(0, 1, -2, 0.5))]

test('from any noise the picture that the prompt says comes out', async () => {
  const guidance = await differenceGuidance(model, 'ten letters', [], 1)
  const noise = createRandom(1).normal([1, 4, 1, 1])
  const [made] = await sample(model, [{ latents: noise, guidance }], { steps })
  near(made!.data, [1.1, 0, 0, 0])
})

/** Pictures spread around 0 with deviation 1: the best guess of the noise in x_t is √(1−α̅)·x_t. */
const spread: DiffusionModel = {
  ...model,
  denoise: async ({ latents, timesteps }) => scale(latents, model.schedule.level(timesteps[0]!).sigma),
}

test('each refinement of the inversion brings the picture nearer to itself', async () => {
  const guidance = await differenceGuidance(spread, 'b', [], 1)
  const picture = vector(0.4, -0.3, 1.2, 0)
  const errors: number[] = []
  for (const refinements of [0, 1, 2, 8]) {
    const [noise] = await invert(spread, [{ latents: picture, guidance }], { steps: 10, refinements })
    const [again] = await sample(spread, [{ latents: noise!, guidance }], { steps: 10 })
    errors.push(Math.hypot(...again!.data.map((value, index) => value - picture.data[index]!)))
  }
  assert.ok(
    errors.every((error, index) => index === 0 || error < errors[index - 1]! / 2),
    `errors ${errors}`,
  )
})

test('inverted and sampled again, a picture is itself', async () => {
  const guidance = await differenceGuidance(spread, 'b', [], 1)
  const picture = vector(0.4, -0.3, 1.2, 0)
  const [noise] = await invert(spread, [{ latents: picture, guidance }], { steps: 100 })
  assert.ok(Math.hypot(...noise!.data) > 1)
  const [again] = await sample(spread, [{ latents: noise!, guidance }], { steps: 100 })
  near(again!.data, [...picture.data], 0.05)
})

test('a difference works in proportion to its strength, and several add', async () => {
  const noise = createRandom(1).normal([1, 4, 1, 1])
  const other = [tensor([1, 4], Float32Array.of(0, 0, 0, 1))]
  const made = async (differences: Parameters<typeof differenceGuidance>[2], scale = 1) => {
    const guidance = await differenceGuidance(model, '', differences, scale)
    return (await sample(model, [{ latents: noise, guidance }], { steps }))[0]!.data
  }
  near(await made([{ tokens, strength: 0 }]), [0, 0, 0, 0])
  near(await made([{ tokens, strength: 2 }]), [0, 2, -4, 1])
  near(await made([{ tokens, strength: -1 }]), [0, -1, 2, -0.5])
  near(
    await made([
      { tokens, strength: 1 },
      { tokens: other, strength: 3 },
    ]),
    [0, 1, -2, 3.5],
  )
})

test('the weights of any guidance add up to one', async () => {
  for (const [strength, scale] of [
    [2.5, 4],
    [1, 7.5],
    [-1, 1],
  ] as const) {
    const guidance = await differenceGuidance(model, 'b', [{ tokens, strength }], scale)
    assert.ok(Math.abs(guidance.reduce((sum, { weight }) => sum + weight, 0) - 1) < 1e-9)
  }
})

test('at strength 1 it is guidance on the full prompt alone', async () => {
  const guidance = await differenceGuidance(model, 'b', [{ tokens, strength: 1 }], 7.5)
  assert.deepEqual(guidance, [
    { weight: -6.5, conditioning: await model.encodePrompt('') },
    { weight: 7.5, conditioning: await model.encodePrompt('b', tokens) },
  ])
})

test('paths in one batch are what they are alone', async () => {
  const random = createRandom(3)
  const paths = await Promise.all(
    ['a', 'longer prompt'].map(async (prompt) => ({
      latents: random.normal([1, 4, 1, 1]),
      guidance: await differenceGuidance(model, prompt, [{ tokens, strength: 1 }], 3),
    })),
  )
  const together = await sample(model, paths, { steps })
  for (const [index, path] of paths.entries())
    assert.deepEqual((await sample(model, [path], { steps }))[0], together[index])
})

test('what the picture will be is foreseen at every step, and asking for it changes nothing', async () => {
  const guidance = await differenceGuidance(model, 'ten letters', [{ tokens, strength: 1 }], 1)
  const path = { latents: createRandom(1).normal([1, 4, 1, 1]), guidance }
  const foreseen: Float32Array[] = []
  const onStep = async (_step: number, originals: () => readonly Tensor[]) => {
    foreseen.push(originals()[0]!.data)
    await new Promise((resolve) => setImmediate(resolve))
  }
  const [made] = await sample(model, [path], { steps, onStep })
  assert.equal(foreseen.length, steps)
  // This model always says the same of x₀, so it is right from the first step.
  for (const each of foreseen) near(each, [1.1, 1, -2, 0.5], 1e-3)
  assert.deepEqual(foreseen.at(-1), made!.data)
  assert.deepEqual((await sample(model, [path], { steps }))[0], made)
})

test('an abort is seen between steps', async () => {
  const guidance = await differenceGuidance(model, 'b', [], 1)
  const controller = new AbortController()
  let seen = 0
  const onStep = () => {
    seen++
    controller.abort(new Error('enough'))
  }
  const path = { latents: vector(0, 0, 0, 0), guidance }
  await assert.rejects(sample(model, [path], { steps, signal: controller.signal, onStep }), { message: 'enough' })
  assert.equal(seen, 1)
})
