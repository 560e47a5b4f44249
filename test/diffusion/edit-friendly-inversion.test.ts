import assert from 'node:assert/strict'
import { test } from 'node:test'
import { invertEditFriendly } from '../../src/diffusion/edit-friendly-inversion.ts'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { differenceGuidance, invert, type Path, type SampleOptions, sample } from '../../src/diffusion/sampler.ts'
import { type Level, readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks, vector } from './fake-model.ts'

const BETAS = { beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 }
const picture = vector(0.4, -0.3, 1.2, 0)
const noise = (step: number) => createRandom(step).normal([1, 4, 1, 1])
const tokens = [tensor([1, 4], Float32Array.of(0, 1, -2, 0.5))]

for (const [sampler, steps] of [
  ['DDIMScheduler', 5],
  ['EulerDiscreteScheduler', 4],
  ['EulerDiscreteScheduler', 1],
  ['EulerAncestralDiscreteScheduler', 4],
  ['DPMSolverMultistepScheduler', 6],
  ['LCMScheduler', 4],
  ['FlowMatchEulerDiscreteScheduler', 4],
] as const) {
  test(`a picture is itself, and with a difference what that adds: ${sampler}, ${steps} steps`, async () => {
    const model = said(sampler)
    const made = async (strength: number) => {
      const guidance = await differenceGuidance(model, 'b', [], 1)
      const { start, residuals } = await invertEditFriendly(model, { latents: picture, guidance }, { steps, noise })
      assert.equal(residuals.length, steps)
      const changed = await differenceGuidance(model, 'b', [{ tokens, strength }], 1)
      const path = { latents: start, guidance: changed, kept: { added: residuals, drawn: 0 } }
      const [end] = await sample(model, [path], { steps, sampler: 'own', noise: () => noise(99) })
      return end!.data
    }
    near(await made(0), [...picture.data])
    near(await made(1), [0.4, 0.7, -0.8, 0.5])
  })
}

test('where the network says x₀ at once, DDIM may lose a picture in any number of steps, and this does not', async () => {
  const model = consistent()
  const guidance = await differenceGuidance(model, '', [], 1)
  const start = vector(0.9, -1.2, 1.1, -0.8)
  const off = async (path: Path, options: SampleOptions) => {
    const [again] = await sample(model, [path], options)
    return Math.hypot(...again!.data.map((value, index) => value - start.data[index]!)) / 2
  }
  const errors: number[] = []
  for (const steps of [4, 8, 16, 25]) {
    const [inverted] = await invert(model, [{ latents: start, guidance }], { steps, refinements: 2 })
    errors.push(await off({ latents: inverted!, guidance }, { steps }))
  }
  assert.ok(Math.max(...errors) > 0.5, `off by ${errors}`)
  const { start: own, residuals } = await invertEditFriendly(model, { latents: start, guidance }, { steps: 4, noise })
  const kept = { added: residuals, drawn: 0 }
  assert.ok((await off({ latents: own, guidance, kept }, { steps: 4, sampler: 'own', noise })) < 1e-5)
})

test('an abort is seen between steps', async () => {
  const model = said('LCMScheduler')
  const guidance = await differenceGuidance(model, 'b', [], 1)
  const controller = new AbortController()
  const onStep = () => controller.abort(new Error('enough'))
  const options = { steps: 4, noise, signal: controller.signal, onStep }
  await assert.rejects(invertEditFriendly(model, { latents: picture, guidance }, options), { message: 'enough' })
})

/** The prompt says what the picture is, whatever the schedule. */
function said(sampler: string): DiffusionModel {
  const made = schedule(readScheduleConfig({ ...BETAS, _class_name: sampler }))
  const sigmaOf = (timestep: number) => made.level(Math.round(timestep))
  return {
    ...fakeNetworks(),
    schedule: made,
    denoise: async ({ latents, timesteps, conditioning: { hiddenStates } }) => {
      const output = tensor(latents.dims)
      for (const index of output.data.keys()) {
        const { signal, sigma } = sigmaOf(timesteps[index >> 2]!)
        const epsilon = (latents.data[index]! - signal * hiddenStates.data[index]!) / sigma
        output.data[index] = made.config.predictionType === 'flow' ? epsilon - hiddenStates.data[index]! : epsilon
      }
      return output
    },
  }
}

function near(actual: Float32Array, expected: readonly number[]): void {
  for (const [index, value] of expected.entries())
    assert.ok(Math.abs(actual[index]! - value) < 5e-3, `${[...actual]} ≠ ${expected}`)
}

/** Pictures whose values are near 1 or near −1, and an ideal consistency model of them: it says where the trajectory ends. */
function consistent(): DiffusionModel {
  const made = schedule(readScheduleConfig({ ...BETAS, _class_name: 'LCMScheduler' }))
  const epsilon = (value: number, { signal, sigma }: Level) => {
    const variance = (0.25 * signal) ** 2 + sigma ** 2
    return (sigma * (value - signal * Math.tanh((signal * value) / variance))) / variance
  }
  const endOf = (value: number, timestep: number) => {
    const ends = [0.8, 0.6, 0.4, 0.25, 0.15, 0.08, 0.03, 0].map((part) => made.level(Math.round(part * timestep)))
    let [x, from] = [value, made.level(timestep)]
    for (const to of [...ends, { signal: 1, sigma: 0 }]) {
      const ratio = to.signal / from.signal
      x = ratio * x + (to.sigma - ratio * from.sigma) * epsilon(x, from)
      from = to
    }
    return x
  }
  return {
    ...fakeNetworks(),
    schedule: made,
    denoise: async ({ latents, timesteps }) => {
      const { signal, sigma } = made.level(timesteps[0]!)
      const output = latents.data.map((value) => (value - signal * endOf(value, timesteps[0]!)) / sigma)
      return tensor(latents.dims, output)
    },
  }
}
