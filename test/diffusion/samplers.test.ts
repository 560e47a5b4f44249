import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { sample } from '../../src/diffusion/sampler.ts'
import { readSamplerConfig } from '../../src/diffusion/samplers/config.ts'
import type { Seen } from '../../src/diffusion/samplers/sampler.ts'
import { samplerOf } from '../../src/diffusion/samplers/table.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { fakeNetworks } from './fake-model.ts'

interface Case {
  readonly name: string
  readonly config: Readonly<Record<string, unknown>>
  readonly trajectories: readonly {
    readonly steps: number
    readonly timesteps: readonly number[]
    readonly samples: readonly (readonly number[])[]
    readonly noises: readonly (readonly number[])[]
  }[]
}

const path = join(import.meta.dirname, '../fixtures/samplers/trajectories.json')
const { dims, imageTokens, cases }: { dims: number[]; imageTokens: number; cases: Case[] } = JSON.parse(
  await readFile(path, 'utf8'),
)
const BAR = 2e-5
const of = (numbers: readonly number[]) => tensor(dims, Float32Array.from(numbers))

/** The stand-in that the reference numbers were made with. */
const network = ({ data }: Tensor, timestep: number) =>
  of([...data].map((value) => 0.8 * Math.sin(3 * value + timestep / 250)))

for (const { name, config, trajectories } of cases) {
  const made = schedule(readScheduleConfig(config, imageTokens))
  const sampler = samplerOf(made.config.sampler)
  for (const { steps, timesteps, samples, noises } of trajectories) {
    test(`${name}: a trajectory of ${steps} is that of diffusers`, async () => {
      const noiseLevels = sampler.noiseLevels(made, steps)
      near(
        noiseLevels.slice(0, -1).map(({ timestep }) => timestep),
        timesteps,
      )
      let x = of(samples[0]!)
      let before: Seen | undefined
      for (const [index, { timestep }] of noiseLevels.slice(0, -1).entries()) {
        const seen = { noisy: x, output: network(x, timestep) }
        x = sampler.step(made, { ...seen, before, noiseLevels, index, noise: () => of(noises[index]!) })
        before = seen
        near(x.data, samples[index + 1]!)
      }
      const model: DiffusionModel = {
        ...fakeNetworks(),
        schedule: made,
        denoise: async ({ latents, timesteps }) => network(latents, timesteps[0]!),
      }
      const guidance = [{ weight: 1, conditioning: await model.encodePrompt('') }]
      const noise = (step: number) => of(noises[step - 1]!)
      const [end] = await sample(model, [{ latents: of(samples[0]!), guidance }], { steps, sampler: 'own', noise })
      near(end!.data, x.data)
    })
  }
}

test('what has no sampler of its own here is sampled by DDIM', () => {
  for (const json of [
    {},
    { _class_name: 'PNDMScheduler' },
    { _class_name: 'UniPCMultistepScheduler' },
    { _class_name: 'DPMSolverMultistepScheduler', solver_order: 3 },
    { _class_name: 'DPMSolverMultistepScheduler', algorithm_type: 'sde-dpmsolver++' },
    { _class_name: 'EulerDiscreteScheduler', use_beta_sigmas: true },
  ]) {
    assert.deepEqual(readSamplerConfig(json), { kind: 'ddim' })
  }
})

test('a consistency model has no more steps than its teacher, and wants noise', async () => {
  const lcm = schedule(readScheduleConfig({ _class_name: 'LCMScheduler', original_inference_steps: 20 }))
  assert.throws(() => samplerOf(lcm.config.sampler).noiseLevels(lcm, 21), RangeError)
  const model = { ...fakeNetworks(), schedule: lcm }
  const guidance = [{ weight: 1, conditioning: await model.encodePrompt('') }]
  const path = { latents: tensor([1, 4, 1, 1]), guidance }
  await assert.rejects(sample(model, [path], { steps: 2, sampler: 'own' }), { name: 'TypeError', message: /noise/ })
})

function near(actual: ArrayLike<number>, expected: ArrayLike<number>): void {
  const length = Math.hypot(...Array.from(expected))
  const error = Math.hypot(...Array.from(expected, (value, index) => actual[index]! - value))
  assert.ok(actual.length === expected.length && error <= BAR * length, `relative error ${error / length}`)
}
