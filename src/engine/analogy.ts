import type { Caption, DiffusionModel, JointSpace, Tokens } from '../diffusion/model.ts'
import type { Applied } from '../diffusion/sampler.ts'
import { combine, meanSquare, unit } from '../tensor/math.ts'
import type { Random } from '../tensor/random.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Example, learn } from './learn.ts'
import { deltaInterpolation } from './losses.ts'
import type { Application, Method } from './modes.ts'
import { sampleTrajectories, trajectoriesFrom } from './trajectory.ts'

export type Stage = 'caption' | 'learn' | 'try' | 'invert' | 'sample'

export interface RunContext {
  readonly random: Random
  readonly signal?: AbortSignal
  /** Waited for where it is given `picture`: B′ as it forms, pixels [3, side, side] in −1…1. */
  readonly onProgress?: (
    stage: Stage,
    step: number,
    of: number,
    picture?: () => Promise<Tensor>,
  ) => void | Promise<void>
}

/** Pictures: pixels [3, side, side] in −1…1. */
export interface PicturePair {
  readonly a: Tensor
  readonly a2: Tensor
}

export interface LearnedDifference extends Application {
  readonly tokens: Tokens
  /** Of a model that cannot see, nothing. */
  readonly captions: { readonly a?: string; readonly a2?: string }
  /** The denoising loss of every step. */
  readonly losses: readonly number[]
  /** 1 − distance(D applied to A, A′) ÷ distance(A, A′), at best 1. */
  readonly fit: number
}

/** Learns the difference of one or more pairs, and how best to apply it. */
export async function learnDifference(
  model: DiffusionModel,
  pairs: readonly PicturePair[],
  method: Method,
  given: Partial<Application> & { readonly steps?: number },
  context: RunContext,
): Promise<LearnedDifference> {
  // 1. Caption A and A′.
  context.onProgress?.('caption', 0, 1)
  const captions: { a: Caption; a2: Caption }[] = []
  for (const { a, a2 } of pairs) {
    const before = (await model.caption?.(a)) ?? wordless
    captions.push({ a: before, a2: (await model.caption?.(a2, before)) ?? wordless })
  }

  // 2. The direction of the change in CLIP's joint space: Δ.
  const delta = model.joint && (await directionOf(model.joint, pairs, captions, method.alpha))

  // 3. The frozen prompts p_A and p_A′, and the latents.
  const examples: Example[] = []
  for (const [index, { a, a2 }] of pairs.entries()) {
    examples.push({
      before: await model.encodePicture(a),
      after: await model.encodePicture(a2),
      promptsBefore: promptsOf(captions[index]!.a, method),
      promptsAfter: promptsOf(captions[index]!.a2, method),
    })
  }

  // 4. Learn D.
  const start = method.fromWords && wordsOfDifference(model, captions[0]!)
  const options = start ? { ...method, ...method.fromWords } : method
  const steps = given.steps ?? options.steps
  const { tokens, losses } = await learn(
    model,
    examples,
    delta,
    { ...options, steps },
    {
      random: context.random.fork('learn'),
      start,
      signal: context.signal,
      onStep: (step) => void context.onProgress?.('learn', step, (delta ? method.warmStart : 0) + steps),
    },
  )

  // 5. Try it on the pair.
  const choice = await chooseOnPair(model, pairs[0]!, captions[0]!.a, tokens, method, given, context)
  const said = { a: captions[0]!.a.full || undefined, a2: captions[0]!.a2.full || undefined }
  return { tokens, losses, captions: said, ...choice }
}

export interface ApplyOptions {
  /** B in words; else the model captions it, if it can see. */
  readonly prompt?: string
  /** 0…1: how much of B's layout is kept. */
  readonly preserve: number
}

/** B′: the differences applied to B. */
export async function applyDifferences(
  model: DiffusionModel,
  b: Tensor,
  differences: readonly Applied[],
  method: Method,
  { prompt, preserve }: ApplyOptions,
  context: RunContext,
): Promise<{ readonly pixels: Tensor; readonly caption?: string }> {
  context.onProgress?.('caption', 0, 1)
  const seen = prompt === undefined ? await model.caption?.(b) : { thing: prompt, full: prompt, attributes: [] }
  const caption = seen ?? wordless
  const source = await invertPicture(model, b, caption, method, context)
  const trajectory = await source.trajectory(differences, preserve)
  const [latents] = await sampleTrajectories(model, [trajectory], context, (step, of, originals) =>
    context.onProgress?.('sample', step, of, () => model.decodeLatents(originals()[0]!)),
  )
  return { pixels: await model.decodeLatents(latents!), caption: caption.full || undefined }
}

/** What a model that cannot see says of a picture. */
const wordless: Caption = { thing: '', full: '', attributes: [] }

/** Δ, the mean over the pairs. */
async function directionOf(
  joint: JointSpace,
  pairs: readonly PicturePair[],
  captions: readonly { readonly a: Caption; readonly a2: Caption }[],
  alpha: number,
): Promise<Tensor> {
  const deltas: Tensor[] = []
  for (const [index, { a, a2 }] of pairs.entries()) {
    const image = combine([1, unit(await joint.embedPicture(a2))], [-1, unit(await joint.embedPicture(a))])
    const [before, after] = [captions[index]!.a.full, captions[index]!.a2.full]
    const text = combine([1, unit(await joint.embedText(after))], [-1, unit(await joint.embedText(before))])
    deltas.push(deltaInterpolation(image, text, alpha))
  }
  return combine(...deltas.map((each) => [1 / deltas.length, each] as const))
}

/** Fits that are this near are the same; then the bolder trajectory is more often right on B. */
const SAME_FIT = 0.05

/** The strength and `preserve` at which D turns A most nearly into A′; of several as good as the best, the boldest. */
async function chooseOnPair(
  model: DiffusionModel,
  { a, a2 }: PicturePair,
  caption: Caption,
  tokens: Tokens,
  method: Method,
  given: Partial<Application>,
  context: RunContext,
): Promise<Application & { readonly fit: number }> {
  const wanted = method.candidates.map((each) => ({ ...each, ...definite(given) }))
  const same = (one: Application) => (other: Application) =>
    one.strength === other.strength && one.preserve === other.preserve
  const candidates = wanted.filter((each, index) => wanted.findIndex(same(each)) === index)
  const { onProgress, ...quiet } = context
  onProgress?.('try', 0, method.sampleSteps)
  const source = await invertPicture(model, a, caption, method, quiet)
  const trajectories = await Promise.all(
    candidates.map(({ strength, preserve }) => source.trajectory([{ tokens, strength }], preserve)),
  )
  const latents = await sampleTrajectories(model, trajectories, context, (step, of) => onProgress?.('try', step, of))
  const unchanged = meanSquare(a, a2)
  const fits: number[] = []
  for (const each of latents) fits.push(1 - Math.sqrt(meanSquare(await model.decodeLatents(each), a2) / unchanged))
  const best = fits.findLastIndex((fit) => fit >= Math.max(...fits) - SAME_FIT)
  return { ...candidates[best]!, fit: fits[best]! }
}

/** What was given, without what was left open. */
const definite = ({ strength, preserve }: Partial<Application>): Partial<Application> => ({
  ...(strength !== undefined && { strength }),
  ...(preserve !== undefined && { preserve }),
})

/** A picture's noise, and the trajectories from it. */
async function invertPicture(
  model: DiffusionModel,
  pixels: Tensor,
  caption: Caption,
  method: Method,
  context: RunContext,
) {
  const { random, signal, onProgress } = context
  return trajectoriesFrom(model, await model.encodePicture(pixels), caption, method, {
    random,
    signal,
    onStep: (step, of) => onProgress?.('invert', step, of),
  })
}

/** The embeddings of what is said of A′ and not of A; nothing where the captions are the same. */
export function wordsOfDifference(
  model: DiffusionModel,
  { a, a2 }: { readonly a: Caption; readonly a2: Caption },
): Tokens | undefined {
  const before = [a.thing, ...a.attributes]
  const said = [a2.thing, ...a2.attributes].filter((phrase, index) => phrase !== before[index])
  return said.length > 0 ? model.embedWords(said.join(', '), MOST_WORDS) : undefined
}

const MOST_WORDS = 10

function promptsOf({ thing, full }: Caption, { prompts }: Method): string[] {
  return { thing: [thing], full: [full], mixed: [thing, full] }[prompts]
}
