/**
 * What strength does, whether differences add, and whether three pairs beat one: `npx node bench/quality/strength.ts
 * [--list tuning|final] [--model FOLDER] [--seed N]`. Each family is learned from one pair and from three; differences
 * are added by twos, each to the next family's.
 */
import { parseArgs } from 'node:util'
import type { Scene } from '../../models/emoji/train/world.ts'
import type { Applied } from '../../src/diffusion/sampler.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { type LearnedDifference, learnDifference } from '../../src/engine/analogy.ts'
import { applyDifferences } from '../../src/engine/apply.ts'
import { blend } from '../../src/engine/blend.ts'
import { methods } from '../../src/engine/modes.ts'
import type { Said } from '../../src/engine/naming.ts'
import { readReference } from '../../src/hub/reference.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import { meanSquare } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { createDrawing, type Task } from './pictures.ts'
import { type List, type SceneTask, scenesOf } from './scenes.ts'
import { mean, spearman } from './statistics.ts'

const { values } = parseArgs({
  options: {
    list: { type: 'string', default: 'tuning' },
    model: { type: 'string', default: 'emoji' },
    seed: { type: 'string', default: '0' },
  },
})
const FAMILIES = [
  'background, named',
  'frame',
  'skin tone',
  'expression',
  'drawing style',
  'pixelated, blurred',
  'tint',
]
/** Those that can be added to each other: they change different attributes. */
const ADDED = ['background, named', 'frame', 'pixelated, blurred', 'tint', 'drawing style']
const STRENGTHS = [0, 0.5, 1, 1.5, 2]

const model = await loadModel({
  layout: await readLayout(readReference(values.model, 'models')),
  learningBatch: 6,
  readSchedule: (config) => schedule(readScheduleConfig(config)),
})
const draw = createDrawing(model.side)
const context = () => ({ random: createRandom(Number(values.seed)) })
const learn = (pairs: readonly { a: Tensor; a2: Tensor }[]) =>
  learnDifference(model, pairs, methods.fast, {}, context())

async function apply(b: Tensor, differences: readonly (Applied & Said)[], how: LearnedDifference): Promise<Tensor> {
  const { pixels, mask, isBlended } = await applyDifferences(model, b, differences, methods.fast, how, context())
  return isBlended ? blend(b, pixels, mask) : pixels
}

/** How far from B to the true B′ the picture is: 0 at B, 1 at B′. */
function wayTo(truth: Tensor, b: Tensor, made: Tensor): number {
  let [along, length] = [0, 0]
  for (const [at, value] of truth.data.entries()) {
    const way = value - b.data[at]!
    along += (made.data[at]! - b.data[at]!) * way
    length += way * way
  }
  return along / length
}

interface Measured {
  readonly scenes: SceneTask
  readonly task: Task
  readonly learned: LearnedDifference
}
const measured: Measured[] = []
const monotone: number[] = []
const same: number[] = []
const undone: number[] = []
const errors: [one: number, three: number][] = []
console.log(
  '| family | way to B′ at s = 0, ½, 1, 1½, 2 | Spearman | s = 0 is B | −1 on A′ is A | error from one pair | from three |',
)
console.log('|---|---|---|---|---|---|---|')
for (const family of FAMILIES) {
  const [scenes] = scenesOf(values.list as List, 1, 3, [family])
  const task = await draw(scenes!)
  const [first, second, test] = task.targets
  const learned = await learn([task])
  const { tokens } = learned
  const made: Tensor[] = []
  for (const strength of STRENGTHS) made.push(await apply(test!.b, [{ tokens, strength }], learned))
  const ways = made.map((each) => wayTo(test!.truth, test!.b, each))
  monotone.push(spearman([...STRENGTHS], ways))
  same.push(Number(meanSquare(made[0]!, test!.b) === 0))
  const back = await apply(task.a2, [{ ...learned, strength: -learned.strength }], learned)
  undone.push(Number(meanSquare(back, task.a) < meanSquare(back, task.a2)))
  const three = await learn([task, { a: first!.b, a2: first!.truth }, { a: second!.b, a2: second!.truth }])
  const error = async (from: LearnedDifference) =>
    Math.sqrt(meanSquare(await apply(test!.b, [from], from), test!.truth))
  errors.push([await error(learned), await error(three)])
  measured.push({ scenes: scenes!, task, learned })
  const [one, more] = errors.at(-1)!
  console.log(
    `| ${family} | ${ways.map((way) => way.toFixed(2)).join(', ')} | ${monotone.at(-1)!.toFixed(2)} | ${same.at(-1)} | ${undone.at(-1)} | ${one.toFixed(3)} | ${more.toFixed(3)} |`,
  )
}

const added: number[] = []
const addable = measured.filter(({ scenes }) => ADDED.includes(scenes.family.name))
for (const [index, one] of addable.entries()) {
  const other = addable[(index + 1) % addable.length]!
  const changes = [one, other].map(({ scenes: { a, a2 } }) => changeOf(a, a2))
  const b: Scene = { ...one.scenes.bs[2]!.b, ...fixedBy(other) }
  const [first, second] = [
    { ...b, ...changes[0] },
    { ...b, ...changes[1] },
  ]
  const task = await draw({
    ...one.scenes,
    bs: [{ b, truth: { ...first, ...changes[1] }, distractors: [first, second] }],
  })
  const { b: picture, truth, distractors } = task.targets[0]!
  const both = [one, other].map(({ learned: { tokens, strength } }) => ({ tokens, strength }))
  const made = await apply(picture, both, one.learned)
  added.push(Number(distractors.every((wrong) => meanSquare(made, wrong) > meanSquare(made, truth))))
  console.error(`${one.scenes.family.name} + ${other.scenes.family.name}: ${added.at(-1) ? 'both' : 'not both'}`)
}
await model.close()

/** What A′ has otherwise than A. */
function changeOf(a: Scene, a2: Scene): Partial<Scene> {
  const isChanged = (name: string) => JSON.stringify(a[name as keyof Scene]) !== JSON.stringify(a2[name as keyof Scene])
  return Object.fromEntries(Object.entries(a2).filter(([name]) => isChanged(name)))
}

/** What B must have for the change to mean something. */
function fixedBy({ scenes: { a, a2 } }: Measured): Partial<Scene> {
  return Object.fromEntries(Object.keys(changeOf(a, a2)).map((name) => [name, a[name as keyof Scene]]))
}

const percent = (of: readonly number[]) => `${Math.round(100 * mean(of))} %`
const better = errors.filter(([one, three]) => three < one).length
console.log(`
Spearman ${mean(monotone).toFixed(2)}, ≥ .9 in ${monotone.filter((rank) => rank >= 0.9).length} of ${monotone.length}; s = 0 is B in ${percent(same)};
−1 on A′ is nearer to A in ${percent(undone)}; two differences both show in ${added.filter(Boolean).length} of ${added.length};
error from one pair ${mean(errors.map(([one]) => one)).toFixed(3)}, from three ${mean(errors.map(([, three]) => three)).toFixed(3)}, better in ${better} of ${errors.length}.`)
