import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DiffusionModel, Tokens } from '../../src/diffusion/model.ts'
import { differenceGuidance, repeatConditioning, sample } from '../../src/diffusion/sampler.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { adam } from '../../src/engine/adam.ts'
import type { ModelReference } from '../../src/hub/reference.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import { sumRows } from '../../src/tensor/math.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import { sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts'

// A model folder of test/fixtures/pipelines, and how far what is computed with it here is from what diffusers computes.

export const pipelinesFolder = join(import.meta.dirname, '../fixtures/pipelines')

/** What test/reference/pipelines.py says of its numbers. */
interface Known {
  readonly prompt: string
  readonly steps: number
  readonly guidanceScale: number
  readonly learnedBehind: string
  readonly timesteps: readonly number[]
  /** How far PyTorch's own gradient in float32 is from the one in float64. */
  readonly errorOfPyTorch: number
}

export interface PipelineCase {
  readonly model: DiffusionModel
  readonly known: Known
  readonly numbers: Readonly<Record<string, Tensor>>
  /** The difference tokens, one tensor for each text encoder. */
  readonly tokens: Tokens
}

export const load = async (path: string, more: Partial<ModelReference> = {}): Promise<DiffusionModel> =>
  loadModel({
    layout: await readLayout({ path, loras: [], ...more }),
    learningBatch: 3,
    readSchedule: (config, imageTokens) => schedule(readScheduleConfig(config, imageTokens)),
  })

/** @param numbersAt Where the numbers are: before `.json` and `.safetensors`. */
export async function openCase(
  name: string,
  folder = join(pipelinesFolder, name),
  numbersAt = folder,
  more?: Partial<ModelReference>,
) {
  const known: Known = JSON.parse(await readFile(`${numbersAt}.json`, 'utf8'))
  const { tensors: numbers } = decodeSafetensors(await readFile(`${numbersAt}.safetensors`), name)
  const tokens = [0, 1, 2].flatMap((encoder) => numbers[`tokens ${encoder}`] ?? [])
  return { model: await load(folder, more), known, numbers, tokens } satisfies PipelineCase
}

/** ‖actual − expected‖ ÷ ‖expected‖ */
export function relativeError(actual: Tensor, expected: Tensor | undefined): number {
  assert.equal(actual.data.length, expected?.data.length)
  const error = Math.hypot(...actual.data.map((value, index) => value - expected!.data[index]!))
  return error / Math.hypot(...expected!.data)
}

/** The prompt and the noise to latents, by DDIM under guidance; and those to a picture. */
export async function samplingErrors({ model, known, numbers }: PipelineCase) {
  const guidance = await differenceGuidance(model, known.prompt, [], known.guidanceScale)
  const [latents] = await sample(model, [{ latents: numbers.noise!, guidance }], { steps: known.steps })
  return {
    latents: relativeError(latents!, numbers.latents),
    decoded: relativeError(await model.decodeLatents(latents!), numbers.decoded),
  }
}

/** A picture to latents. */
export async function encodingError({ model, numbers }: PipelineCase): Promise<number> {
  const { side } = model
  return relativeError(await model.encodePicture(tensor([3, side, side], numbers.picture!.data)), numbers.encoded)
}

/** One step of textual inversion. */
export async function learningErrors(of: PipelineCase) {
  const { numbers, tokens } = of
  const { loss, gradient, noisy, target } = await learningStep(of, tokens)
  return {
    noisy: relativeError(noisy, numbers.noisy),
    target: relativeError(target, numbers.target),
    loss: relativeError(tensor([loss.length], Float32Array.from(loss)), numbers.loss),
    gradients: gradient.map((value, encoder) => relativeError(value, numbers[`gradient ${encoder}`])),
  }
}

/** The loss before the first of so many steps of Adam on that one batch, and after the last. */
export async function lossOverSteps(of: PipelineCase, steps: number) {
  const total = (loss: readonly number[]) => loss.reduce((sum, each) => sum + each, 0)
  const updates = of.tokens.map(() => adam({ steps, learningRate: { from: 0.1, to: 0.01 } }))
  let { tokens } = of
  let first: number | undefined
  for (let step = 0; step < steps; step++) {
    const { loss, gradient } = await learningStep(of, tokens)
    first ??= total(loss)
    tokens = tokens.map((each, encoder) => updates[encoder]!(each, gradient[encoder]!))
  }
  return { first: first!, last: total((await learningStep(of, tokens)).loss) }
}

/** What conditions the network, with the tokens behind a prompt. */
export async function conditioningErrors({ model, known, numbers, tokens }: PipelineCase) {
  const { hiddenStates, pooled } = await model.encodePrompt(known.learnedBehind, tokens)
  return [
    relativeError(hiddenStates, numbers.hidden_states),
    ...(numbers.pooled ? [relativeError(pooled!, numbers.pooled)] : []),
  ]
}

/** Loss and gradient of one step, and what conditions the network in it. */
export async function learningStep({ model, known, numbers }: PipelineCase, tokens: Tokens) {
  const { originals, epsilon, weight } = numbers
  const { latentDims } = model
  const size = sizeOf(latentDims)
  const row = (value: Tensor, at: number) => tensor([1, ...latentDims], value.data.slice(at * size, (at + 1) * size))
  const each = (what: 'addNoise' | 'target') => {
    const rows = known.timesteps.map((timestep, at) =>
      model.schedule[what](row(originals!, at), row(epsilon!, at), timestep),
    )
    return tensor([rows.length, ...latentDims], Float32Array.from(rows.flatMap(({ data }) => [...data])))
  }
  const [noisy, target] = [each('addNoise'), each('target')]
  const prompt = await model.encodePrompt(known.learnedBehind, tokens)
  const { loss, gradient } = await model.denoisingGradient({
    latents: noisy,
    timesteps: known.timesteps,
    target,
    weight: weight!,
    conditioning: repeatConditioning(prompt, known.timesteps.length),
  })
  const byTokens = await model.promptGradient(known.learnedBehind, tokens, {
    hiddenStates: sumRows(gradient.hiddenStates),
    pooled: gradient.pooled && sumRows(gradient.pooled),
  })
  return { loss, gradient: byTokens, noisy, target, prompt }
}
