import type { Caption, DiffusionModel, Tokens } from '../diffusion/model.ts'
import { combine, unit } from '../tensor/math.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Applying, type ApplyOptions, applyDifferences, directionOf, wordless } from './apply.ts'
import { confidence } from './confidence.ts'
import { type Example, learn } from './learn.ts'
import { deltaInterpolation } from './losses.ts'
import type { Application, Method } from './modes.ts'
import { NAMEABLE, type Name, nameDifference } from './naming.ts'
import type { RunContext } from './run-context.ts'
import { MOST_WORDS, tryNames } from './try-names.ts'
import { type Trial, tryOnPair } from './try-on-pair.ts'

/** Pictures: pixels [3, side, side] in −1…1. */
export interface PicturePair {
  readonly a: Tensor
  readonly a2: Tensor
}

export interface LearnedDifference extends Trial {
  readonly tokens: Tokens
  /** Empty if the model can't see. */
  readonly captions: { readonly a?: string; readonly a2?: string }
  /** The difference in words, if words were found. */
  readonly name?: string
  /** E_I(A′) − E_I(A) of unit embeddings, averaged over the pairs, if the model can see. */
  readonly moved?: Tensor
  /** The denoising loss of every step. */
  readonly losses: readonly number[]
}

export interface LearnOptionsGiven extends Partial<Application> {
  readonly steps?: number
}

export interface Solved {
  readonly learned: LearnedDifference
  readonly made: Applying
  /** The probability that B′ is right, 0…1. */
  readonly confidence: number
}

/**
 * Learns the difference and applies it to B. If B′ seems to have failed, it is tried once more from another start, and
 * the better result is taken; but not if somebody chose strength or `preserve`.
 */
export async function solveAnalogy(
  model: DiffusionModel,
  pairs: readonly PicturePair[],
  b: Tensor,
  method: Method,
  given: LearnOptionsGiven & Pick<ApplyOptions, 'prompt'>,
  context: RunContext,
): Promise<Solved> {
  const described = await describePairs(model, pairs, method, context)
  const { steps, strength, preserve } = given
  const isOpen = steps === undefined && strength === undefined && preserve === undefined
  let best: Solved | undefined
  for (let attempt = 0; attempt <= (isOpen ? method.retries : 0); attempt++) {
    const own = attempt === 0 ? context : { ...context, random: context.random.fork(`attempt ${attempt}`) }
    const learned = await learnDescribed(model, pairs, described, method, given, { ...own, attempt })
    const how = { prompt: given.prompt, preserve: learned.preserve, isBlended: learned.isBlended }
    const made = await applyDifferences(model, b, [learned], method, how, own)
    const direction = await directionOf(model, b, made, learned.moved)
    const solved = { learned, made, confidence: confidence({ fit: learned.fit, direction }) }
    if (!best || solved.confidence > best.confidence) best = solved
    if (best.confidence >= DOUBTED) break
  }
  return best!
}

/** Below this another attempt is worth its time. */
const DOUBTED = 0.4

/** Learns the difference of one or more pairs, and how best to apply it. */
export async function learnDifference(
  model: DiffusionModel,
  pairs: readonly PicturePair[],
  method: Method,
  given: LearnOptionsGiven,
  context: RunContext,
): Promise<LearnedDifference> {
  const described = await describePairs(model, pairs, method, context)
  return learnDescribed(model, pairs, described, method, given, { ...context, attempt: 0 })
}

interface PairCaptions {
  readonly a: Caption
  readonly a2: Caption
}

/** What is known about the pairs before learning. */
interface Described {
  readonly captions: readonly PairCaptions[]
  readonly moved?: Tensor
  readonly name?: Name
}

async function describePairs(
  model: DiffusionModel,
  pairs: readonly PicturePair[],
  { fromWords, trySteps }: Method,
  { onProgress, random, signal }: RunContext,
): Promise<Described> {
  onProgress?.('caption', 0, 1)
  const captions: PairCaptions[] = []
  for (const { a, a2 } of pairs) {
    const before = (await model.caption?.(a)) ?? wordless
    captions.push({ a: before, a2: (await model.caption?.(a2, before)) ?? wordless })
  }
  const moved = await movedBetween(model, pairs)
  if (!fromWords) return { captions, moved }
  const names = await namesOf(model, captions[0]!, moved)
  const first = { ...pairs[0]!, prompt: captions[0]!.a.full }
  const options = { steps: trySteps, random: random.fork('names'), signal }
  return { captions, moved, name: await tryNames(model, first, names, options) }
}

async function learnDescribed(
  model: DiffusionModel,
  pairs: readonly PicturePair[],
  { captions, moved, name }: Described,
  method: Method,
  given: LearnOptionsGiven,
  { attempt, ...context }: RunContext & { readonly attempt: number },
): Promise<LearnedDifference> {
  const [first] = captions
  const words = attempt === 0 ? name?.phrases : undefined
  const start = words ? model.embedWords(words, MOST_WORDS) : undefined
  const options = start ? { ...method, ...method.fromWords } : method
  const delta = method.clipWeight > 0 ? await interpolatedDelta(model, captions, moved, method.alpha) : undefined
  const steps = given.steps ?? options.steps
  const examples = await examplesOf(model, pairs, captions)
  const { tokens, losses } = await learn(
    model,
    examples,
    delta,
    { ...options, steps },
    {
      random: context.random.fork('learn'),
      start,
      signal: context.signal,
      onStep: (step) => void context.onProgress?.('learn', step, steps),
    },
  )
  const trial = await tryOnPair(model, pairs[0]!, first!.a.full, tokens, method, given, context)
  const said = { a: first!.a.full || undefined, a2: first!.a2.full || undefined }
  return { tokens, losses, captions: said, moved, name: isNamed(name) ? name.phrases : undefined, ...trial }
}

const isNamed = (name: Name | undefined): name is Name => name !== undefined && name.likeness >= NAMEABLE

/** The latents, and the frozen prompts p_A and p_A′. */
async function examplesOf(
  model: DiffusionModel,
  pairs: readonly PicturePair[],
  captions: readonly PairCaptions[],
): Promise<Example[]> {
  const examples: Example[] = []
  for (const [index, { a, a2 }] of pairs.entries()) {
    examples.push({
      before: await model.encodePicture(a),
      after: await model.encodePicture(a2),
      promptBefore: captions[index]!.a.full,
      promptAfter: captions[index]!.a2.full,
    })
  }
  return examples
}

/** E_I(A′) − E_I(A), averaged over the pairs. */
async function movedBetween({ joint }: DiffusionModel, pairs: readonly PicturePair[]): Promise<Tensor | undefined> {
  if (!joint) return undefined
  const moves: Tensor[] = []
  for (const { a, a2 } of pairs) {
    moves.push(combine([1, unit(await joint.embedPicture(a2))], [-1, unit(await joint.embedPicture(a))]))
  }
  return combine(...moves.map((move) => [1 / moves.length, move] as const))
}

/**
 * By its direction, if the model's captions can be varied; else the words in which the captions differ. The likeliest
 * first.
 */
async function namesOf(
  { joint, variations }: DiffusionModel,
  { a, a2 }: PairCaptions,
  moved: Tensor | undefined,
): Promise<Name[]> {
  const before = [a.thing, ...a.attributes]
  const phrases = [a2.thing, ...a2.attributes].filter((phrase, index) => phrase !== before[index]).join(', ')
  if (!joint || !variations || !moved) return phrases ? [{ phrases, likeness: 1 }] : []
  return nameDifference({ joint, variations }, moved, a, phrases ? [{ phrases, caption: a2 }] : [])
}

/** Δ, averaged over the pairs: the direction of the change in CLIP's joint space, mostly from the captions. */
async function interpolatedDelta(
  { joint }: DiffusionModel,
  captions: readonly PairCaptions[],
  moved: Tensor | undefined,
  alpha: number,
): Promise<Tensor | undefined> {
  if (!joint || !moved) return undefined
  const deltas: Tensor[] = []
  for (const { a, a2 } of captions) {
    const [before, after] = [unit(await joint.embedText(a.full)), unit(await joint.embedText(a2.full))]
    deltas.push(deltaInterpolation(moved, combine([1, after], [-1, before]), alpha))
  }
  return combine(...deltas.map((each) => [1 / deltas.length, each] as const))
}
