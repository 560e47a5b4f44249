import type { Conditioning, DiffusionModel, JointSpace, Tokens } from '../diffusion/model.ts'
import { joinConditionings, repeatConditioning } from '../diffusion/sampler.ts'
import type { Schedule } from '../diffusion/schedule.ts'
import { combine, concatenate, rows, scale, sumRows, type Term } from '../tensor/math.ts'
import type { Random } from '../tensor/random.ts'
import { sizeOf, type Tensor, tensor } from '../tensor/tensor.ts'
import { adam } from './adam.ts'
import { clipLoss } from './losses.ts'

/** An example pair, as the network sees it. */
export interface Example {
  /** z_A and z_A′: [1, channels, height, width] */
  readonly before: Tensor
  readonly after: Tensor
  /** p_A and p_A′. */
  readonly promptBefore: string
  readonly promptAfter: string
}

export interface LearnOptions {
  readonly steps: number
  /** The number of difference tokens, n, if they start from zero. */
  readonly tokens: number
  /** As a fraction of the median norm of the vocabulary's tokens, along half a cosine. */
  readonly learningRate: { readonly from: number; readonly to: number }
  /** The weight of the denoising losses, a mean over values. */
  readonly denoisingWeight: number
  /** λ of L_CLIP. */
  readonly clipWeight: number
  /** L_before of the token consistency loss, in addition to L_after. */
  readonly consistency: boolean
  /** The noise levels to learn at, as fractions of the schedule's training (`timestepAt`). */
  readonly timesteps: { readonly from: number; readonly to: number }
}

export interface Learned {
  readonly tokens: Tokens
  /** The denoising loss of every step. It depends mostly on the timesteps drawn. */
  readonly losses: readonly number[]
}

/**
 * Learns the difference tokens D (arXiv 2506.07750, docs/method.md §2): zero-initialised, trained by L_after =
 * ‖ε̂(z_A′,t; p_A, +D) − ε‖², L_before = ‖ε̂(z_A,t; p_A′, −D) − ε‖² and L_CLIP = 1 − cos(E_T(D), Δ), with the same
 * noise and timesteps in both branches. The target follows the schedule's prediction type.
 *
 * @param delta Δ, [width of the joint space]. Without it L_CLIP is left out.
 */
export async function learn(
  model: DiffusionModel,
  examples: readonly Example[],
  delta: Tensor | undefined,
  options: LearnOptions,
  context: {
    readonly random: Random
    readonly start?: Tokens
    readonly signal?: AbortSignal
    readonly onStep?: (step: number) => void
  },
): Promise<Learned> {
  const { steps, clipWeight } = options
  const { joint } = model
  const update = model.tokenNorms.map((norm) =>
    adam({
      steps,
      learningRate: { from: options.learningRate.from * norm, to: options.learningRate.to * norm },
    }),
  )
  let tokens: Tokens = context.start ?? model.tokenWidths.map((width) => tensor([options.tokens, width]))
  const losses: number[] = []
  for (let step = 0; step < steps; step++) {
    context.signal?.throwIfAborted()
    const example = examples[step % examples.length]!
    const { loss, gradient } = await denoisingTerm(model, example, tokens, options, context.random)
    losses.push(loss)
    const gradients: Tokens[] = [gradient]
    if (joint && delta && clipWeight > 0) gradients.push(await clipTerm({ joint, delta }, tokens, clipWeight))
    tokens = tokens.map((token, encoder) =>
      update[encoder]!(token, combine(...gradients.map((each): Term => [1, each[encoder]!]))),
    )
    context.onStep?.(step + 1)
  }
  return { tokens, losses }
}

/** Zero tokens after a begin token have a direction like any others, so L_CLIP has a gradient from the first step. */
async function clipTerm(
  { joint, delta }: { readonly joint: JointSpace; readonly delta: Tensor },
  tokens: Tokens,
  weight: number,
): Promise<Tokens> {
  const { gradient } = clipLoss(await joint.embedText('', tokens), delta)
  return joint.textGradient('', tokens, scale(gradient, weight))
}

async function denoisingTerm(
  model: DiffusionModel,
  example: Example,
  tokens: Tokens,
  options: LearnOptions,
  random: Random,
) {
  const { schedule, latentDims, learningBatch } = model
  const branches: Branch[] = [{ latents: example.after, prompt: example.promptBefore, sign: 1 }]
  if (options.consistency) {
    branches.push({
      latents: example.before,
      prompt: example.promptAfter,
      sign: -1,
    })
  }
  const share = learningBatch / branches.length
  const timesteps = stratified(share, options.timesteps, schedule, random)
  const noises = timesteps.map(() => random.normal([1, ...latentDims]))
  const asked = branches.flatMap(({ latents }) =>
    timesteps.map((timestep, index) => ({ latents, timestep, noise: noises[index]! })),
  )
  const signed = branches.map(({ sign }) => tokens.map((token) => scale(token, sign)))
  const conditionings = await Promise.all(
    branches.map(({ prompt }, index) => model.encodePrompt(prompt, signed[index]!)),
  )
  const weight = options.denoisingWeight / (share * sizeOf(latentDims))
  const { loss, gradient } = await model.denoisingGradient({
    latents: concatenate(asked.map(({ latents, noise, timestep }) => schedule.addNoise(latents, noise, timestep))),
    timesteps: asked.map(({ timestep }) => timestep),
    conditioning: joinConditionings(conditionings.map((each) => repeatConditioning(each, share))),
    target: concatenate(asked.map(({ latents, noise, timestep }) => schedule.target(latents, noise, timestep))),
    weight: tensor([learningBatch, ...latentDims], new Float32Array(learningBatch * sizeOf(latentDims)).fill(weight)),
  })
  const byBranch = await Promise.all(
    branches.map(({ prompt }, index) => {
      const part = (value: Tensor) => sumRows(rows(value, index * share, (index + 1) * share))
      const cotangent: Conditioning = {
        hiddenStates: part(gradient.hiddenStates),
        pooled: gradient.pooled && part(gradient.pooled),
      }
      return model.promptGradient(prompt, signed[index]!, cotangent)
    }),
  )
  return {
    loss: loss.reduce((sum, each) => sum + each, 0) / options.denoisingWeight / branches.length,
    gradient: tokens.map((_, encoder) =>
      combine(...branches.map(({ sign }, index): Term => [sign, byBranch[index]![encoder]!])),
    ),
  }
}

interface Branch {
  readonly latents: Tensor
  readonly prompt: string
  readonly sign: 1 | -1
}

/** One timestep from each of `count` equal parts of the range. */
function stratified(
  count: number,
  { from, to }: LearnOptions['timesteps'],
  { timestepAt }: Schedule,
  random: Random,
): number[] {
  return Array.from({ length: count }, (_, index) => {
    return timestepAt(from + ((to - from) * (index + random.uniform())) / count)
  })
}
