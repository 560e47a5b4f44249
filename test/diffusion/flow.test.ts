import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { differenceGuidance, invert, sample } from '../../src/diffusion/sampler.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks, vector } from './fake-model.ts'

const BAR = 1e-5
const dims = [1, 3, 2, 4]
const flow = schedule(readScheduleConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 }))

test('a flow says what was added, and of a whole noise too', () => {
  const random = createRandom(2)
  const [original, noise] = [random.normal(dims), random.normal(dims)]
  for (const timestep of [0, 0.5, 300.25, 1000]) {
    const noisy = flow.addNoise(original, noise, timestep)
    const output = flow.target(original, noise, timestep)
    near(flow.predictedNoise(output, noisy, timestep).data, noise.data)
    near(flow.predictedOriginal(output, noisy, timestep).data, original.data)
    near(flow.ddimStep(noisy, output, timestep, -1).data, original.data)
    near(flow.ddimStep(noisy, output, timestep, 1000).data, noise.data)
  }
})

test('lessons are drawn as the shift has them: half of them above σ = ¾', () => {
  assert.deepEqual([0, 0.5, 1].map(flow.timestepAt), [0, 750, 1000])
  assert.throws(() => flow.level(1000.5), RangeError)
  assert.throws(() => flow.ddimTimesteps(0), RangeError)
})

/** Pictures spread around 0 with deviation 1: the best guess of ε − x₀ is (2σ − 1)·x_t ÷ (σ² + (1−σ)²). */
const spread: DiffusionModel = {
  ...fakeNetworks(),
  schedule: flow,
  denoise: async ({ latents, timesteps }) => {
    const { signal, sigma } = flow.level(timesteps[0]!)
    return tensor(
      latents.dims,
      latents.data.map((value) => ((sigma - signal) * value) / (sigma ** 2 + signal ** 2)),
    )
  },
}

test('inverted and sampled again, a picture is itself', async () => {
  const guidance = await differenceGuidance(spread, 'b', [], 1)
  const picture = vector(0.4, -0.3, 1.2, 0)
  const errors: number[] = []
  for (const refinements of [0, 2, 8]) {
    const [noise] = await invert(spread, [{ latents: picture, guidance }], { steps: 20, refinements })
    assert.ok(Math.hypot(...noise!.data) > 1)
    const [again] = await sample(spread, [{ latents: noise!, guidance }], { steps: 20 })
    errors.push(Math.hypot(...again!.data.map((value, index) => value - picture.data[index]!)))
  }
  assert.ok(errors[0]! < 0.3 && errors[1]! < errors[0]! / 10 && errors[2]! < 1e-4, `errors ${errors}`)
})

test('what a flow does not have here is refused', () => {
  const read = (field: string) => readScheduleConfig({ _class_name: 'FlowMatchEulerDiscreteScheduler', [field]: true })
  for (const field of ['use_karras_sigmas', 'invert_sigmas'])
    assert.throws(() => read(field), { name: 'UserError', message: new RegExp(field) })
})

function near(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const length = Math.hypot(...Array.from(expected))
  const error = Math.hypot(...Array.from(expected, (value, index) => actual[index]! - value))
  assert.ok(actual.length === expected.length && error < BAR * length, `relative error ${error / length}`)
}
