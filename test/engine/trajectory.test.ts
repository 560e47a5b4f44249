import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { methods } from '../../src/engine/modes.ts'
import { sampleTrajectories, trajectoriesFrom } from '../../src/engine/trajectory.ts'
import { scale } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks, vector } from '../diffusion/fake-model.ts'

const BETAS = { beta_schedule: 'scaled_linear', beta_start: 0.00085, beta_end: 0.012, timestep_spacing: 'trailing' }
const SAMPLING = { steps: 4, guidanceScale: 1 }
const caption = { thing: 'b', full: 'b', attributes: [] }
const picture = vector(0.4, -0.3, 1.2, 0)
const tokens = [tensor([1, 4], Float32Array.of(0, 1, -2, 0.5))]
const method = { ...methods.fast, refinements: 8 }

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
  const handles = { random: createRandom(4) }
  return { model, asked, handles }
}

for (const sampler of ['DDIMScheduler', 'EulerDiscreteScheduler', 'LCMScheduler', 'EulerAncestralDiscreteScheduler']) {
  for (const sampling of [undefined, SAMPLING]) {
    test(`a picture's own noise leads back to it: ${sampler}${sampling ? ', few steps' : ''}`, async () => {
      const { model, handles } = spread(sampler, sampling)
      const source = trajectoriesFrom(model, picture, caption, method, handles)
      const [again] = await sampleTrajectories(model, [await source.trajectory([], 1)], handles)
      const error = Math.hypot(...again!.data.map((value, index) => value - picture.data[index]!))
      assert.ok(error < 0.03, `error ${error}`)
    })
  }
}

test('the noise is found once for all trajectories, and they go in one batch', async () => {
  const { model, asked, handles } = spread('DDIMScheduler')
  const source = trajectoriesFrom(model, picture, caption, method, handles)
  const trajectories = await Promise.all([1, 0.5, 0].map((preserve) => source.trajectory([], preserve)))
  assert.equal(asked.length, method.sampleSteps * (1 + method.refinements))
  asked.length = 0
  await sampleTrajectories(model, trajectories, handles)
  assert.equal(asked.length, method.sampleSteps)
})

test('a model of few steps takes them from fresh noise, asked once each, without guidance or inversion', async () => {
  for (const sampler of ['LCMScheduler', 'EulerDiscreteScheduler']) {
    const { model, asked, handles } = spread(sampler, SAMPLING)
    const source = trajectoriesFrom(model, picture, caption, method, handles)
    const seen: [number, number][] = []
    await sampleTrajectories(model, [await source.trajectory([{ tokens, strength: 1 }], 0)], handles, (step, of) => {
      seen.push([step, of])
    })
    const expected = { LCMScheduler: [999, 759, 499, 259], EulerDiscreteScheduler: [999, 749, 499, 249] }[sampler]
    assert.deepEqual(asked.flat(), expected)
    assert.deepEqual(
      seen,
      [1, 2, 3, 4].map((step) => [step, 4]),
    )
  }
})

test('a difference has its own term without guidance too', async () => {
  const { model, asked, handles } = spread('LCMScheduler', SAMPLING)
  const source = trajectoriesFrom(model, picture, caption, method, handles)
  const trajectory = await source.trajectory([{ tokens, strength: 1.5 }], 0)
  assert.deepEqual(
    trajectory.path.guidance.map(({ weight }) => weight),
    [-0.5, 1.5],
  )
  await sampleTrajectories(model, [trajectory], handles)
  assert.deepEqual(asked[0], [999, 999])
})

test('a model of few steps keeps a picture in as few, and exactly', async () => {
  for (const sampler of ['LCMScheduler', 'EulerDiscreteScheduler', 'EulerAncestralDiscreteScheduler']) {
    const { model, asked, handles } = spread(sampler, SAMPLING)
    const source = trajectoriesFrom(model, picture, caption, method, handles)
    const trajectories = await Promise.all([1, 0.5, 1].map((preserve) => source.trajectory([], preserve)))
    assert.equal(asked.length, 4)
    const [kept, between, again] = await sampleTrajectories(model, trajectories, handles)
    assert.equal(asked.length, 8)
    assert.ok(kept!.data.every((value, index) => Math.abs(value - picture.data[index]!) < 1e-6))
    assert.deepEqual(kept, again)
    assert.notDeepEqual(kept, between)
  }
})

test('kept and fresh noise go apart where their steps differ, and come back in order', async () => {
  const { model, handles } = spread('EulerAncestralDiscreteScheduler')
  const source = trajectoriesFrom(model, picture, caption, method, handles)
  const trajectories = await Promise.all([0, 1, 0].map((preserve) => source.trajectory([], preserve)))
  const seen: number[] = []
  const [first, kept, last] = await sampleTrajectories(model, trajectories, handles, (step, of) => {
    assert.equal(of, 2 * method.sampleSteps)
    seen.push(step)
  })
  assert.deepEqual(
    seen,
    Array.from({ length: 2 * method.sampleSteps }, (_, index) => index + 1),
  )
  assert.deepEqual(first, last)
  assert.notDeepEqual(first, kept)
  assert.deepEqual((await sampleTrajectories(model, [trajectories[1]!], handles))[0], kept)
})

test('parity is DDIM whatever the model says', async () => {
  const { model, asked, handles } = spread('LCMScheduler', SAMPLING)
  const source = trajectoriesFrom(model, picture, caption, methods.parity, handles)
  await sampleTrajectories(model, [await source.trajectory([], 0)], handles)
  assert.equal(asked.length, 2 * methods.parity.sampleSteps)
})
