import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { editByInversion, type InversionEdit } from '../../src/engine/inversion-editing.ts'
import { type Method, methods } from '../../src/engine/modes.ts'
import { scale } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks, vector } from '../diffusion/fake-model.ts'

const BETAS = { beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012, timestep_spacing: 'trailing' }
const picture = vector(0.4, -0.3, 1.2, 0)
const tokens = [tensor([1, 4], Float32Array.of(0, 1, -2, 0.5))]
const unguided: Method = { ...methods.parity, guidanceScale: 1 }

/** Pictures spread around 0 with deviation 1, whatever is said; it remembers at which timesteps it was asked, and how often. */
function spread(sampler: string, sampling?: DiffusionModel['sampling']) {
  const made = schedule(readScheduleConfig({ ...BETAS, _class_name: sampler }))
  const asked: number[][] = []
  const model: DiffusionModel = {
    ...fakeNetworks(),
    schedule: made,
    sampling,
    denoise: async ({ latents, timesteps }) => {
      asked.push([...timesteps])
      return scale(latents, made.level(timesteps[0]!).sigma)
    },
  }
  const edit = (edits: readonly InversionEdit[], method = unguided, latents: Tensor = picture) =>
    editByInversion(model, latents, 'b', edits, method, { random: createRandom(4) })
  return { edit, asked }
}

for (const sampler of ['DDIMScheduler', 'LCMScheduler', 'EulerAncestralDiscreteScheduler']) {
  test(`a picture's own noise leads back to it by DDIM, whatever the model says: ${sampler}`, async () => {
    const { edit, asked } = spread(sampler, { steps: 4, guidanceScale: 1 })
    const [again] = await edit([{ differences: [], preserve: 1 }])
    const error = Math.hypot(...again!.data.map((value, index) => value - picture.data[index]!))
    assert.ok(error < 0.2, `error ${error}`)
    assert.equal(asked.length, 2 * unguided.editSteps)
  })
}

test('the noise is found once for all edits, and they go in one batch', async () => {
  const { edit, asked } = spread('DDIMScheduler')
  await edit([1, 0.5, 0].map((preserve) => ({ differences: [], preserve })))
  assert.equal(asked.length, 2 * unguided.editSteps)
  assert.deepEqual([asked[0]!.length, asked.at(-1)!.length], [1, 3])
})

test('a picture of which nothing is kept is not inverted, and looks the same whatever it was', async () => {
  const { edit, asked } = spread('DDIMScheduler')
  const drawn = (latents: Tensor) => edit([{ differences: [], preserve: 0 }], unguided, latents)
  assert.deepEqual(await drawn(picture), await drawn(scale(picture, -1)))
  assert.equal(asked.length, 2 * unguided.editSteps)
})

test('a difference has its own term, under guidance', async () => {
  const { edit, asked } = spread('DDIMScheduler')
  await edit([{ differences: [{ tokens, strength: 1.5 }], preserve: 0 }], methods.parity)
  assert.equal(asked[0]!.length, 3)
})
