/** What is compared: each row makes B′ of every B of a task. */
import { fullCaption } from '../../models/emoji/train/caption.ts'
import type { World } from '../../models/emoji/train/icons.ts'
import type { Scene } from '../../models/emoji/train/world.ts'
import type { Caption, DiffusionModel } from '../../src/diffusion/model.ts'
import { type LearnedDifference, learnDifference } from '../../src/engine/analogy.ts'
import { applyDifferences, directionOf } from '../../src/engine/apply.ts'
import { blend } from '../../src/engine/blend.ts'
import { confidence } from '../../src/engine/confidence.ts'
import { type Method, methods } from '../../src/engine/modes.ts'
import { meanSquare } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import { ABLATIONS, PARTS_OF_PARITY } from './ablations.ts'
import {
  betweenPrompts,
  byDdimInversion,
  byEditFriendlyInversion,
  bySdedit,
  maskOfDiffEdit,
  optimisedConditioning,
  textArithmetic,
} from './baselines.ts'
import { exactOf } from './exact.ts'
import { colourAnalogy, imageAnalogy } from './image-analogies.ts'
import type { Task } from './pictures.ts'
import type { SceneTask } from './scenes.ts'

export interface Outcome {
  readonly made: Tensor
  /** What the method itself believes. */
  readonly fit?: number
  readonly confidence?: number
  readonly name?: string
  readonly strength?: number
  readonly preserve?: number
  /** Whether the pair was taken for one of an exact kind. */
  readonly isExact?: boolean
}

export interface RowContext {
  readonly model: DiffusionModel
  readonly task: Task
  readonly scenes: SceneTask
  readonly world: World
  readonly seed: number
}

export type Row = (context: RowContext) => Promise<Outcome[]>

const { fast, parity } = methods
const untaught: Method = { ...fast, fromWords: { ...fast.fromWords!, steps: 0 } }

/** Cheapest first. */
export const ROWS: Readonly<Record<string, Row>> = {
  'B unchanged': forEach(({ b }) => b),
  'A′': forEach((_, { task }) => task.a2),
  'Image Analogies, copied': forEach(({ b }, { task: { a, a2 } }) => imageAnalogy(a, a2, b, 'copy')),
  'Image Analogies, difference': forEach(({ b }, { task: { a, a2 } }) => imageAnalogy(a, a2, b, 'difference')),
  'Image Analogies, colours': forEach(({ b }, { task: { a, a2 } }) => colourAnalogy(a, a2, b)),
  'prompt swap': withCaptions((context, b, words) => betweenPrompts(context, b, words)),
  'text arithmetic': withCaptions(textArithmetic),
  SDEdit: withCaptions(bySdedit),
  'D is its words, nothing learned': learnedBy(untaught),
  'learned alone': learnedBy(fast),
  'learned alone, not blended': learnedBy({ ...fast, blends: false }),
  'learned alone, from zero': learnedBy({ ...fast, fromWords: undefined }),
  'learned alone, another try where it failed': learnedBy(fast, { ...fast, fromWords: undefined }),
  'D with DiffEdit’s mask': withLearned(async (context, b, learned) => {
    const random = createRandom(context.seed)
    const made = await applyDifferences(context.model, b, [learned], fast, learned, { random })
    return blend(b, made.pixels, await maskOfDiffEdit(context, b, learned))
  }),
  'D by DDIM inversion': withLearned(byDdimInversion),
  'D by edit-friendly inversion': withLearned(byEditFriendlyInversion),
  'VISII-style': withCaptions(optimisedConditioning),
  'true prompt (ceiling)': async (context) => {
    const { scenes, world, task } = context
    const wordsFor = (from: Scene, to: Scene): Words => {
      return { before: captioned(fullCaption(from, world)), after: captioned(fullCaption(to, world)) }
    }
    // As with what is learned, how much is kept is chosen on the pair.
    let best = { preserve: 1, error: Number.POSITIVE_INFINITY }
    for (const preserve of new Set(fast.candidates.map((each) => each.preserve))) {
      const tried = await betweenPrompts(context, task.a, wordsFor(scenes.a, scenes.a2), preserve)
      const error = meanSquare(tried, task.a2)
      if (error < best.error) best = { preserve, error }
    }
    const outcomes: Outcome[] = []
    for (const [index, { b, truth }] of scenes.bs.entries()) {
      const made = await betweenPrompts(context, task.targets[index]!.b, wordsFor(b, truth), best.preserve)
      outcomes.push({ made, preserve: best.preserve })
    }
    return outcomes
  },
  'exact alone': async ({ task }) => {
    const exact = exactOf(task.a, task.a2, bsOf(task))
    const made = exact?.isPart ? undefined : exact
    return bsOf(task).map((b, index) => ({ made: made?.bs[index] ?? b, isExact: made !== undefined }))
  },
  'as shipped': async (context) => {
    const { task } = context
    const exact = exactOf(task.a, task.a2, bsOf(task))
    const learn = ROWS['learned alone, another try where it failed']!
    if (exact?.isPart && exact.a && exact.bs.every((b) => b !== undefined)) {
      const targets = task.targets.map((target, index) => ({ ...target, b: exact.bs[index]! }))
      return learn({ ...context, task: { ...task, a: exact.a, targets } })
    }
    const made = exact?.isPart ? undefined : exact?.bs
    const learned = made?.every((each) => each !== undefined) ? undefined : await learn(context)
    return bsOf(task).map((_, index) => (made?.[index] ? { made: made[index] } : learned![index]!))
  },
  ...Object.fromEntries(Object.entries(ABLATIONS).map(([name, method]) => [`learned, ${name}`, learnedBy(method)])),
  'learned, A and A′ mirrored and moved alike too': async (context) => {
    const { a, a2 } = context.task
    const copies = [mirrored, shifted].map((change) => ({ a: change(a), a2: change(a2) }))
    const learned = learnDifference(
      context.model,
      [{ a, a2 }, ...copies],
      fast,
      {},
      { random: createRandom(context.seed) },
    )
    return Promise.all(bsOf(context.task).map(async (b) => applied(context, b, fast, await learned)))
  },
  parity: learnedBy(parity),
  ...Object.fromEntries(Object.entries(PARTS_OF_PARITY).map(([name, method]) => [name, learnedBy(method)])),
}

/** The rows that are made if none are named. */
export const USUAL = Object.keys(ROWS).filter((name) => !/^(parity|learned, |learned alone, )/.test(name))

/** Mirrored, [3, side, side]. */
const mirrored = ({ dims, data }: Tensor): Tensor => {
  const side = dims[2]!
  return tensor(
    dims,
    data.map((_, at) => data[at - (at % side) + side - 1 - (at % side)]!),
  )
}

/** Moved to the right by an eighth; its left edge is repeated. */
const shifted = ({ dims, data }: Tensor): Tensor => {
  const side = dims[2]!
  return tensor(
    dims,
    data.map((_, at) => data[at - Math.min(at % side, side / 8)]!),
  )
}

const bsOf = ({ targets }: Task) => targets.map(({ b }) => b)

const captioned = (full: string): Caption => ({ thing: full, full, attributes: [] })

function forEach(make: (target: Task['targets'][number], context: RowContext) => Tensor): Row {
  return async (context) => context.task.targets.map((target) => ({ made: make(target, context) }))
}

/** Learned once for all Bs, as the rows of a task may share it. */
const learnedOf = new WeakMap<Task, Map<Method, Promise<LearnedDifference>>>()

export function learnedFor({ model, task, seed }: RowContext, method: Method): Promise<LearnedDifference> {
  const kept = learnedOf.get(task) ?? new Map<Method, Promise<LearnedDifference>>()
  learnedOf.set(task, kept)
  const found = kept.get(method) ?? learnDifference(model, [task], method, {}, { random: createRandom(seed) })
  kept.set(method, found)
  return found
}

/** @param otherwise How it is learned again where it seems to have failed. */
function learnedBy(method: Method, otherwise?: Method): Row {
  return async (context) => {
    const outcomes: Outcome[] = []
    for (const { b } of context.task.targets) {
      const first = await applied(context, b, method)
      const isDoubted = otherwise && first.confidence! < 0.4
      const second = isDoubted ? await applied(context, b, otherwise) : undefined
      outcomes.push(second && second.confidence! > first.confidence! ? second : first)
    }
    return outcomes
  }
}

async function applied(
  context: RowContext,
  b: Tensor,
  method: Method,
  difference?: LearnedDifference,
): Promise<Outcome> {
  const { model, seed } = context
  const learned = difference ?? (await learnedFor(context, method))
  const made = await applyDifferences(model, b, [learned], method, learned, { random: createRandom(seed) })
  const direction = await directionOf(model, b, made, learned.moved)
  const { fit, name, strength, preserve } = learned
  return {
    made: made.isBlended ? blend(b, made.pixels, made.mask) : made.pixels,
    fit,
    name,
    strength,
    preserve,
    confidence: confidence({ fit, direction }),
  }
}

function withLearned(make: (context: RowContext, b: Tensor, learned: LearnedDifference) => Promise<Tensor>): Row {
  return async (context) => {
    const learned = await learnedFor(context, fast)
    const outcomes: Outcome[] = []
    for (const { b } of context.task.targets) outcomes.push({ made: await make(context, b, learned) })
    return outcomes
  }
}

export interface Words {
  readonly before: Caption
  readonly after: Caption
}

/** What the captioner says of A and A′, said of B: the phrases in which they differ are changed. */
function withCaptions(make: (context: RowContext, b: Tensor, words: Words, pair: Words) => Promise<Tensor>): Row {
  return async (context) => {
    const { model, task } = context
    const before = await model.caption!(task.a)
    const pair = { before, after: await model.caption!(task.a2, before) }
    const outcomes: Outcome[] = []
    for (const { b } of task.targets) {
      const seen = await model.caption!(b)
      outcomes.push({ made: await make(context, b, { before: seen, after: swapped(model, seen, pair) }, pair) })
    }
    return outcomes
  }
}

function swapped({ variations }: DiffusionModel, of: Caption, { before, after }: Words): Caption {
  const wanted = [after.thing, ...after.attributes]
  const had = [before.thing, ...before.attributes]
  let caption = of
  for (const [index, phrase] of wanted.entries()) {
    if (phrase === had[index]) continue
    const found = variations!(caption).find((each) => each.attribute === index - 1 && each.phrases === phrase)
    caption = found?.caption ?? caption
  }
  return caption
}
