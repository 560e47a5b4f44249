import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { type DeltaEdit, editByDelta } from '../../src/engine/delta-editing.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks, vector } from '../diffusion/fake-model.ts'

// In the fake model x₀ is the prompt's vector plus D, whatever the picture, which it so gets wrong: all that cancels.

const BETAS = { beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012 }
const picture = vector(0.4, -0.3, 1.2, 0)
const tokens = [tensor([1, 4], Float32Array.of(0, 1, -2, 0.5))]
const others = [tensor([1, 4], Float32Array.of(1, 0, 0, 0))]

/** Its output turned into what a network of that kind puts out. */
function predicting(kind: object, sampling?: DiffusionModel['sampling']) {
  const fake = fakeNetworks()
  const made = schedule(readScheduleConfig({ ...BETAS, ...kind }))
  let evaluations = 0
  const model: DiffusionModel = {
    ...fake,
    schedule: made,
    sampling,
    denoise: async ({ latents, timesteps, conditioning: { hiddenStates } }) => {
      evaluations += timesteps.length
      const { signal, sigma } = made.level(timesteps[0]!)
      const originals = tensor(latents.dims, hiddenStates.data)
      const noise = latents.data.map((value, index) => (value - signal * originals.data[index]!) / (sigma || 1))
      return made.target(originals, tensor(latents.dims, noise), timesteps[0]!)
    },
  }
  const edit = (edits: readonly DeltaEdit[], steps = 10) =>
    editByDelta(model, picture, 'b', edits, { steps, random: createRandom(4) })
  return { edit, evaluations: () => evaluations }
}

const near = (actual: Float32Array, expected: readonly number[]) =>
  assert.ok(
    expected.every((value, index) => Math.abs(actual[index]! - value) < 2e-3),
    `${actual} ≠ ${expected}`,
  )

for (const [name, kind, sampling] of [
  ['ε', { prediction_type: 'epsilon' }, undefined],
  ['v', { prediction_type: 'v_prediction', rescale_betas_zero_snr: true, timestep_spacing: 'trailing' }, undefined],
  ['flow', { _class_name: 'FlowMatchEulerDiscreteScheduler', shift: 3 }, undefined],
  ['ε, few steps', { _class_name: 'LCMScheduler' }, { steps: 4, guidanceScale: 1 }],
  ['ε, one step', { _class_name: 'EulerDiscreteScheduler' }, { steps: 1, guidanceScale: 1 }],
] as const) {
  describe(`of a model that predicts ${name}`, () => {
    test('the picture keeps what it is, and gets what the difference adds', async () => {
      const { edit } = predicting(kind, sampling)
      const [once, half, undone, both] = await edit([
        { differences: [{ tokens, strength: 1 }] },
        { differences: [{ tokens, strength: 0.5 }] },
        { differences: [{ tokens, strength: -1 }] },
        {
          differences: [
            { tokens, strength: 1 },
            { tokens: others, strength: 1 },
          ],
        },
      ])
      near(once!.data, [0.4, 0.7, -0.8, 0.5])
      near(half!.data, [0.4, 0.2, 0.2, 0.25])
      near(undone!.data, [0.4, -1.3, 3.2, -0.5])
      near(both!.data, [1.4, 0.7, -0.8, 0.5])
    })
  })
}

test('strength 0 changes nothing at all', async () => {
  const { edit } = predicting({ prediction_type: 'epsilon' })
  const [same] = await edit([{ differences: [{ tokens, strength: 0 }] }])
  assert.deepEqual(same, picture)
})

test('without `preserve` the picture is what the prompt and the difference say', async () => {
  const { edit } = predicting({ prediction_type: 'epsilon' })
  const [drawn, halfway] = await edit([
    { differences: [{ tokens, strength: 1 }], preserve: 0 },
    { differences: [{ tokens, strength: 1 }], preserve: 0.5 },
  ])
  near(drawn!.data, [0.1, 1, -2, 0.5])
  near(halfway!.data, [0.25, 0.85, -1.4, 0.5])
})

test('the source is asked for once a step, each edit once for each of its prompts', async () => {
  const { edit, evaluations } = predicting({ prediction_type: 'epsilon' })
  await edit([{ differences: [{ tokens, strength: 1 }] }, { differences: [{ tokens, strength: 2 }] }], 7)
  assert.equal(evaluations(), 7 * (1 + 1 + 2))
})
