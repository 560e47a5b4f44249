import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { readScheduleConfig, type Schedule, schedule } from '../../src/diffusion/schedule.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

interface Trajectory {
  samples: number[][]
  originals: number[][]
}
interface Case {
  name: string
  config: Record<string, unknown>
  alphasCumprod: [number, number][]
  timesteps: Record<string, number[]>
  noised: { t: number; x0: number[]; noise: number[]; noisy: number[]; velocity: number[] }
  sampling?: Trajectory
  inversion?: Trajectory
}

const path = join(import.meta.dirname, '../fixtures/schedule/trajectories.json')
const { dims, steps, cases }: { dims: number[]; steps: number; cases: Case[] } = JSON.parse(
  await readFile(path, 'utf8'),
)
const BAR = 1e-5
/** What a schedule without terminal signal keeps at its end, where diffusers' DDIM has 0. */
const SMALLEST = 2 ** -24

for (const { name, config, alphasCumprod, timesteps, noised, sampling, inversion } of cases) {
  const made = schedule(readScheduleConfig(config))

  test(`${name}: noise levels, timesteps and targets are those of diffusers`, () => {
    for (const [t, expected] of alphasCumprod)
      assert.ok(Math.abs(made.level(t).signal ** 2 - expected) <= BAR * expected + SMALLEST, `alphasCumprod[${t}]`)
    for (const [count, expected] of Object.entries(timesteps)) assert.deepEqual(made.ddimTimesteps(+count), expected)
    const [original, noise] = [of(noised.x0), of(noised.noise)]
    near(made.addNoise(original, noise, noised.t), noised.noisy)
    near(made.target(original, noise, noised.t), config.prediction_type === 'epsilon' ? noised.noise : noised.velocity)
  })

  if (sampling)
    test(`${name}: a trajectory of ${steps} steps is that of diffusers`, () => {
      const path = made.ddimTimesteps(steps)
      // α̅ is 1e-8 at the first of the cosine's trailing steps, and a float32 noise prediction holds x₀ no better.
      follow(made, [...path, -1], sampling, name === 'cosine trailing v' ? 1e-4 : BAR)
    })

  if (inversion)
    test(`${name}: so is the trajectory back, from no noise to much`, () => {
      const path = made.ddimTimesteps(steps).reverse()
      const below = path[0]! - made.config.trainTimesteps / steps
      follow(made, [below, ...path], inversion)
    })
}

test('a step there and back with one prediction ends where it began', () => {
  const { ddimStep } = schedule(readScheduleConfig(cases[0]!.config))
  const [x, noise] = [of(cases[0]!.noised.x0), of(cases[0]!.noised.noise)]
  near(ddimStep(ddimStep(x, noise, -1, 501), noise, 501, -1), [...x.data])
})

test('what a schedule does not have is refused', () => {
  const made = schedule(readScheduleConfig({}))
  const x = tensor([1])
  assert.throws(() => made.ddimTimesteps(0), RangeError)
  assert.throws(() => made.ddimTimesteps(1001), RangeError)
  assert.throws(() => made.addNoise(x, x, 1000), RangeError)
  assert.throws(() => made.addNoise(x, x, 0.5), RangeError)
  assert.throws(() => made.addNoise(x, tensor([2]), 0), RangeError)
  assert.throws(() => readScheduleConfig({ prediction_type: 'sample' }), { name: 'UserError', message: /"sample"/ })
  assert.throws(() => readScheduleConfig({ trained_betas: [0.1] }), { name: 'UserError' })
})

function follow(made: Schedule, timesteps: number[], expected: Trajectory, bar = BAR): void {
  let x = of(expected.samples[0]!)
  for (const [step, from] of timesteps.slice(0, -1).entries()) {
    const output = network(x, Math.max(from, 0))
    near(made.predictedOriginal(output, x, from), expected.originals[step]!, bar)
    x = made.ddimStep(x, made.predictedNoise(output, x, from), from, timesteps[step + 1]!)
    near(x, expected.samples[step + 1]!, bar)
  }
}

/** The stand-in that the reference numbers were made with. */
function network({ data }: Tensor, t: number): Tensor {
  return tensor(
    dims,
    data.map((value) => 0.8 * Math.sin(3 * value + t / 250)),
  )
}

const of = (numbers: number[]): Tensor => tensor(dims, Float32Array.from(numbers))

function near({ data }: Tensor, expected: number[], bar = BAR): void {
  const difference = Math.hypot(...expected.map((value, index) => data[index]! - value))
  const error = difference / Math.hypot(...expected)
  assert.ok(error < bar, `relative error ${error}`)
}
