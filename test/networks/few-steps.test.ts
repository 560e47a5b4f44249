import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { DiffusionModel } from '../../src/diffusion/model.ts'
import { differenceGuidance, repeatConditioning, sample } from '../../src/diffusion/sampler.ts'
import { samplerOf } from '../../src/diffusion/samplers/table.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { applyDifferences } from '../../src/engine/apply.ts'
import { methods } from '../../src/engine/modes.ts'
import { readManifest } from '../../src/hub/catalog.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import { embeddedGuidance, samplingOf } from '../../src/networks/sampling.ts'
import { rows, scale, sumRows } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

// Models of few steps against diffusers (test/reference/few_steps.py), each laid over the folder of another family.

interface Case {
  readonly over: string
  readonly prompt: string
  readonly steps: number
  readonly timesteps: readonly number[]
  readonly learnedBehind: string
}

const fixtures = join(import.meta.dirname, '../fixtures')

for (const name of ['lcm', 'turbo']) {
  describe(name, () => {
    let folder: string
    let model: DiffusionModel
    let known: Case
    let numbers: Readonly<Record<string, Tensor>>
    before(async () => {
      known = JSON.parse(await readFile(join(fixtures, 'few-steps', `${name}.json`), 'utf8'))
      numbers = decodeSafetensors(await readFile(join(fixtures, 'few-steps', `${name}.safetensors`)), name).tensors
      folder = await mkdtemp(join(tmpdir(), 'isto-few-steps-'))
      await cp(join(fixtures, 'pipelines', known.over), folder, { recursive: true })
      await cp(join(fixtures, 'few-steps', name), folder, { recursive: true })
      model = await load(folder)
    })
    after(async () => {
      await model?.close()
      await rm(folder, { recursive: true })
    })

    test('a prompt and noise become the latents that diffusers makes of them', async () => {
      const { sampler } = model.schedule.config
      const first = samplerOf(sampler).noiseLevels(model.schedule, known.steps)[0]!
      // Diffusers begins with the noise alone, at the size of its share in x; of a consistency model, at full size.
      const latents = name === 'turbo' ? scale(numbers.noise!, first.sigma) : numbers.noise!
      const guidance = await differenceGuidance(model, known.prompt, [], 1)
      const [made] = await sample(model, [{ latents, guidance }], {
        steps: known.steps,
        sampler: 'own',
        noise: (step) => rows(numbers.noises!, step - 1, step),
      })
      assertNear(made!, numbers.latents!, 1e-3)
    })

    test('a picture comes back whole where nothing is changed, and changed where something is', async () => {
      const few = { ...model, sampling: { steps: known.steps, guidanceScale: 1 } }
      const random = createRandom(5)
      const b = random.normal([3, 16, 16])
      const tokens = model.tokenWidths.map((width) => random.normal([2, width]))
      const made = async (strength: number) => {
        const how = { prompt: known.prompt, preserve: 1, isBlended: false }
        return (await applyDifferences(few, b, [{ tokens, strength }], methods.fast, how, { random })).pixels
      }
      const whole = await model.decodeLatents(await model.encodePicture(b))
      assertNear(await made(0), whole, 1e-3)
      const changed = await made(1)
      assert.throws(() => assertNear(changed, whole, 1e-2))
    })

    if (name === 'lcm') {
      test('its scheduler says in how many steps', () => {
        assert.deepEqual(model.sampling, { steps: 4, guidanceScale: 1 })
      })

      test('one step of textual inversion has the gradient of PyTorch', async () => {
        const tokens = [numbers.tokens!]
        const { loss, gradient } = await model.denoisingGradient({
          latents: numbers.noisy!,
          timesteps: known.timesteps,
          conditioning: repeatConditioning(await model.encodePrompt(known.learnedBehind, tokens), 3),
          target: numbers.target!,
          weight: numbers.weight!,
        })
        assertNear(tensor([3], Float32Array.from(loss)), numbers.loss!, 1e-3)
        const [found] = await model.promptGradient(known.learnedBehind, tokens, {
          hiddenStates: sumRows(gradient.hiddenStates),
        })
        assertNear(found!, numbers.gradient!, 1e-3)
      })

      test('a timestep between two is told as the nearest to a network that takes whole ones', async () => {
        const conditioning = await model.encodePrompt(known.prompt)
        const at = (timestep: number) => model.denoise({ latents: numbers.noise!, timesteps: [timestep], conditioning })
        assert.deepEqual(await at(500.4), await at(500))
        assert.notDeepEqual(await at(500.6), await at(500))
      })

      test('the manifest goes before the scheduler, also in what the network is told of guidance', async () => {
        const usual = embeddedGuidance(await readLayout({ path: folder, loras: [] }), 24)
        const sampling = { steps: 2, guidanceScale: 1.5, embeddedGuidance: 3 }
        const path = join(folder, 'manifest.json')
        await writeFile(
          path,
          JSON.stringify({ name: 'mine', description: '', licence: '', files: [], side: 16, sampling }),
        )
        const other = await load(folder)
        await other.close()
        assert.deepEqual(other.sampling, { steps: 2, guidanceScale: 1.5 })
        assert.notDeepEqual(embeddedGuidance(await readLayout({ path: folder, loras: [] }), 24), usual)
        await rm(path)
      })
    } else {
      test('it does not say that it is one', () => assert.equal(model.sampling, undefined))
    }
  })
}

test('the models of few steps that can be pulled say so', async () => {
  const models = join(import.meta.dirname, '../../models')
  const said = async (name: string) => samplingOf({ manifest: await readManifest(join(models, name)), scheduler: {} })
  for (const name of ['sdxl-turbo', 'lcm-dreamshaper-v7'])
    assert.deepEqual(await said(name), { steps: 4, guidanceScale: 1 })
  for (const name of ['emoji', 'sdxl-base']) assert.equal(await said(name), undefined)
})

async function load(folder: string): Promise<DiffusionModel> {
  return loadModel({
    layout: await readLayout({ path: folder, loras: [] }),
    learningBatch: 3,
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  })
}

/** ‖actual − expected‖ ÷ ‖expected‖ */
function assertNear(actual: Tensor, expected: Tensor, most: number) {
  assert.equal(actual.data.length, expected.data.length)
  const error = Math.hypot(...actual.data.map((value, index) => value - expected.data[index]!))
  const relative = error / Math.hypot(...expected.data)
  assert.ok(relative <= most, `relative error ${relative}`)
}
