/** Other people's ways of making B′, on the same model and with the same samplers as far as they allow. */
import { invertEditFriendly } from '../../src/diffusion/edit-friendly-inversion.ts'
import type { Conditioning, DiffusionModel } from '../../src/diffusion/model.ts'
import { differenceGuidance, invert, predict, repeatConditioning, sample } from '../../src/diffusion/sampler.ts'
import { adam } from '../../src/engine/adam.ts'
import type { LearnedDifference } from '../../src/engine/analogy.ts'
import { editBetween } from '../../src/engine/delta-editing.ts'
import { combine, concatenate, rows, sumRows } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { sizeOf, type Tensor, tensor } from '../../src/tensor/tensor.ts'
import type { RowContext, Words } from './rows.ts'

const STEPS = 20

/** Delta editing from what B's caption says to what it says with the words changed. */
export async function betweenPrompts(
  { model, seed }: RowContext,
  b: Tensor,
  { before, after }: Words,
  preserve = 1,
): Promise<Tensor> {
  const [source, target] = [await model.encodePrompt(before.full), await model.encodePrompt(after.full)]
  return edited(model, b, source, target, seed, preserve)
}

/** c_B + (c_A′ − c_A). */
export async function textArithmetic(
  { model, seed }: RowContext,
  b: Tensor,
  { before }: Words,
  pair: Words,
): Promise<Tensor> {
  const [own, from, to] = await Promise.all(
    [before, pair.before, pair.after].map(({ full }) => model.encodePrompt(full)),
  )
  return edited(model, b, own!, moved(own!, from!, to!), seed)
}

/** SDEdit (arXiv 2108.01073): 60 % of the way into noise and back under the changed words, with guidance 2.5. */
export async function bySdedit({ model, seed }: RowContext, b: Tensor, { after }: Words): Promise<Tensor> {
  const { schedule } = model
  const original = await model.encodePicture(b)
  const guidance = await differenceGuidance(model, after.full, [], 2.5)
  const stops = [...schedule.ddimTimesteps(STEPS).slice(Math.round(0.4 * STEPS)), -1]
  let latents = schedule.addNoise(original, createRandom(seed).normal(original.dims), stops[0]!)
  for (const [index, at] of stops.slice(0, -1).entries()) {
    const [output] = await predict(model, [latents], [{ latents, guidance }], at)
    latents = schedule.ddimStep(latents, schedule.direction(output!, latents, at), at, stops[index + 1]!)
  }
  return model.decodeLatents(latents)
}

/** What isto did before delta editing: DDIM inversion, each step refined twice. */
export async function byDdimInversion(
  { model }: RowContext,
  b: Tensor,
  { tokens, strength }: LearnedDifference,
): Promise<Tensor> {
  const latents = await model.encodePicture(b)
  const prompt = (await model.caption!(b)).full
  const unguided = await differenceGuidance(model, prompt, [], 1)
  const [noise] = await invert(model, [{ latents, guidance: unguided }], { steps: STEPS, refinements: 2 })
  const guidance = await differenceGuidance(model, prompt, [{ tokens, strength }], 1)
  const [made] = await sample(model, [{ latents: noise!, guidance }], { steps: STEPS })
  return model.decodeLatents(made!)
}

/**
 * DiffEdit's mask (arXiv 2210.11427): where the predictions with and without the difference differ at half the noise,
 * averaged over ten noises, the largest hundredth cut off, half of the rest or more. [side, side], 0 or 1.
 */
export async function maskOfDiffEdit(
  { model, seed }: RowContext,
  b: Tensor,
  { tokens, strength }: LearnedDifference,
): Promise<Tensor> {
  const { schedule } = model
  const latents = await model.encodePicture(b)
  const [, channels, height, width] = latents.dims as [number, number, number, number]
  const prompt = (await model.caption!(b)).full
  const without = await differenceGuidance(model, prompt, [], 1)
  const within = await differenceGuidance(model, prompt, [{ tokens, strength }], 1)
  const random = createRandom(seed)
  const change = new Float32Array(height * width)
  const timestep = schedule.timestepAt(0.5)
  for (let round = 0; round < 10; round++) {
    const noisy = schedule.addNoise(latents, random.normal(latents.dims), timestep)
    const paths = [without, within].map((guidance) => ({ latents: noisy, guidance }))
    const [one, other] = await predict(model, [noisy, noisy], paths, timestep)
    for (let at = 0; at < one!.data.length; at++) {
      change[at % change.length]! += Math.abs(one!.data[at]! - other!.data[at]!) / channels
    }
  }
  const most = [...change].sort((x, y) => x - y)[Math.floor(0.99 * change.length)]!
  const side = b.dims[2]!
  const mask = tensor([side, side])
  for (let at = 0; at < mask.data.length; at++) {
    const [x, y] = [Math.floor(((at % side) * width) / side), Math.floor((Math.floor(at / side) * height) / side)]
    mask.data[at] = change[y * width + x]! >= most / 2 ? 1 : 0
  }
  return mask
}

/** arXiv 2304.06140, all steps. */
export async function byEditFriendlyInversion(
  { model, seed }: RowContext,
  b: Tensor,
  { tokens, strength }: LearnedDifference,
): Promise<Tensor> {
  const latents = await model.encodePicture(b)
  const prompt = (await model.caption!(b)).full
  const random = createRandom(seed)
  const noise = (step: number) => random.fork(`step ${step}`).normal(latents.dims)
  const guidance = await differenceGuidance(model, prompt, [], 1)
  const { start, residuals } = await invertEditFriendly(model, { latents, guidance }, { steps: STEPS, noise })
  const changed = await differenceGuidance(model, prompt, [{ tokens, strength }], 1)
  const path = { latents: start, guidance: changed, kept: { added: residuals, drawn: 0 } }
  const [made] = await sample(model, [path], { steps: STEPS, sampler: 'own', noise })
  return model.decodeLatents(made!)
}

/**
 * After VISII (arXiv 2307.14331): what the text encoder puts out, begun with A′'s caption, is itself optimised to denoise A′, and the
 * difference to A's caption is added to B's. 60 steps; nothing else is held.
 */
export async function optimisedConditioning(
  { model, task, seed }: RowContext,
  b: Tensor,
  { before }: Words,
  pair: Words,
): Promise<Tensor> {
  const found = optimised.get(task) ?? optimise(model, await model.encodePicture(task.a2), pair.after.full, seed)
  optimised.set(task, found)
  const from = await model.encodePrompt(pair.before.full)
  const own = await model.encodePrompt(before.full)
  return edited(model, b, own, moved(own, from, await found), seed)
}

const optimised = new WeakMap<object, Promise<Conditioning>>()

async function optimise(model: DiffusionModel, latents: Tensor, prompt: string, seed: number): Promise<Conditioning> {
  const { schedule, learningBatch: count, latentDims } = model
  const random = createRandom(seed)
  const options = { steps: 60, learningRate: { from: 0.02, to: 0.002 } }
  const [updateStates, updatePooled] = [adam(options), adam(options)]
  let conditioning = await model.encodePrompt(prompt)
  for (let step = 0; step < options.steps; step++) {
    const timesteps = Array.from({ length: count }, (_, index) =>
      schedule.timestepAt((index + random.uniform()) / count),
    )
    const noises = timesteps.map(() => random.normal([1, ...latentDims]))
    const each = (what: 'addNoise' | 'target') =>
      concatenate(timesteps.map((timestep, index) => schedule[what](latents, noises[index]!, timestep)))
    const size = count * sizeOf(latentDims)
    const { gradient } = await model.denoisingGradient({
      latents: each('addNoise'),
      timesteps,
      target: each('target'),
      conditioning: repeatConditioning(conditioning, count),
      weight: tensor([count, ...latentDims], new Float32Array(size).fill(4 / size)),
    })
    conditioning = {
      hiddenStates: updateStates(conditioning.hiddenStates, sumRows(gradient.hiddenStates)),
      pooled: conditioning.pooled && updatePooled(conditioning.pooled, sumRows(gradient.pooled!)),
    }
  }
  return conditioning
}

function moved(own: Conditioning, from: Conditioning, to: Conditioning): Conditioning {
  const sum = (one: Tensor, other: Tensor, third: Tensor) => combine([1, one], [-1, other], [1, third])
  return {
    hiddenStates: sum(own.hiddenStates, from.hiddenStates, to.hiddenStates),
    pooled: own.pooled && sum(own.pooled, from.pooled!, to.pooled!),
  }
}

async function edited(
  model: DiffusionModel,
  b: Tensor,
  source: Conditioning,
  target: Conditioning,
  seed: number,
  preserve = 1,
): Promise<Tensor> {
  const whole = (conditioning: Conditioning) => [{ weight: 1, conditioning }]
  const [made] = await editBetween(
    model,
    await model.encodePicture(b),
    whole(source),
    [{ guidance: whole(target), preserve }],
    { steps: STEPS, random: createRandom(seed).fork('delta') },
  )
  return model.decodeLatents(rows(made!, 0, 1))
}
