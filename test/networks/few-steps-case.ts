import { cp, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tokens } from '../../src/diffusion/model.ts'
import { differenceGuidance, repeatConditioning, sample } from '../../src/diffusion/sampler.ts'
import { samplerOf } from '../../src/diffusion/samplers/table.ts'
import { rows, scale, sumRows } from '../../src/tensor/math.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { learningErrors, load, openCase, type PipelineCase, pipelinesFolder, relativeError } from './pipeline-case.ts'

// A model of few steps (test/reference/few_steps.py), laid over the folder of another family: beside its network and its
// scheduler everything is that one's, and so are the numbers for it.

export const fewStepsFolder = join(import.meta.dirname, '../fixtures/few-steps')

export interface FewStepsCase extends PipelineCase {
  readonly own: {
    readonly steps: number
    readonly prompt: string
    readonly learnedBehind: string
    readonly timesteps: readonly number[]
    readonly numbers: Readonly<Record<string, Tensor>>
  }
}

/**
 * @param folder Where the two are laid together.
 * @param layers What is laid over what, of a family's name. @default the exports
 */
export async function openFewSteps(
  name: string,
  folder: string,
  layers = (over: string) => [join(pipelinesFolder, over), join(fewStepsFolder, name)],
): Promise<FewStepsCase> {
  const { over, ...known } = JSON.parse(await readFile(join(fewStepsFolder, `${name}.json`), 'utf8'))
  const { tensors } = decodeSafetensors(await readFile(join(fewStepsFolder, `${name}.safetensors`)), name)
  const below = await openCase(over)
  await below.model.close()
  for (const from of layers(over)) {
    await cp(from, folder, { recursive: true })
  }
  return { ...below, model: await load(folder), own: { ...known, numbers: tensors } }
}

/** The prompt and the noise to latents, by a few steps of the model's own. */
export async function fewStepsError({ model, own }: FewStepsCase): Promise<number> {
  const { noise, noises, latents } = own.numbers
  const { sampler } = model.schedule.config
  const [first] = samplerOf(sampler).noiseLevels(model.schedule, own.steps)
  // Diffusers begins with the noise alone, at the size of its share in x; of a consistency model, at full size.
  const from = sampler.kind === 'euler' ? scale(noise!, first!.sigma) : noise!
  const guidance = await differenceGuidance(model, own.prompt, [], 1)
  const [made] = await sample(model, [{ latents: from, guidance }], {
    steps: own.steps,
    sampler: 'own',
    noise: (step) => rows(noises!, step - 1, step),
  })
  return relativeError(made!, latents)
}

/** Of the gradient of one step of textual inversion, for each text encoder. */
export async function fewStepsGradientErrors(of: FewStepsCase): Promise<number[]> {
  const { model, own } = of
  const { tokens, noisy, target, weight, gradient } = own.numbers
  // Without a network of its own it learns as the one below.
  if (!tokens) return (await learningErrors(of)).gradients
  const learned: Tokens = [tokens]
  const prompt = await model.encodePrompt(own.learnedBehind, learned)
  const { gradient: byStates } = await model.denoisingGradient({
    latents: noisy!,
    timesteps: own.timesteps,
    target: target!,
    weight: weight!,
    conditioning: repeatConditioning(prompt, own.timesteps.length),
  })
  const hiddenStates = sumRows(byStates.hiddenStates)
  const found = await model.promptGradient(own.learnedBehind, learned, { hiddenStates })
  return found.map((each) => relativeError(each, gradient))
}
