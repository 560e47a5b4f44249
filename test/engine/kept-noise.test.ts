import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keepNoise } from '../../src/engine/kept-noise.ts'
import type { Networks } from '../../src/engine/networks.ts'
import { differenceGuidance, sample } from '../../src/engine/sampler.ts'
import { readScheduleConfig, schedule } from '../../src/engine/schedule.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks, vector } from './fake-networks.ts'

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
    const networks = said(sampler)
    const made = async (strength: number) => {
      const guidance = await differenceGuidance(networks, 'b', [], 1)
      const { start, lacking } = await keepNoise(networks, { latents: picture, guidance }, { steps, noise })
      assert.equal(lacking.length, steps)
      const changed = await differenceGuidance(networks, 'b', [{ tokens, strength }], 1)
      const path = { latents: start, guidance: changed, kept: { added: lacking, drawn: 0 } }
      const [end] = await sample(networks, [path], { steps, sampler: 'own', noise: () => noise(99) })
      return end!.data
    }
    near(await made(0), [...picture.data])
    near(await made(1), [0.4, 0.7, -0.8, 0.5])
  })
}

test('an abort is seen between steps', async () => {
  const networks = said('LCMScheduler')
  const guidance = await differenceGuidance(networks, 'b', [], 1)
  const controller = new AbortController()
  const onStep = () => controller.abort(new Error('enough'))
  const options = { steps: 4, noise, signal: controller.signal, onStep }
  await assert.rejects(keepNoise(networks, { latents: picture, guidance }, options), { message: 'enough' })
})

/** The prompt says what the picture is, whatever the schedule. */
function said(sampler: string): Networks {
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
