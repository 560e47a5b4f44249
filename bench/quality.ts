/**
 * How often B′ is right, on analogies whose true B′ is known: `npx node bench/quality.ts [--index 0] [--seed 0] [--every 1]`
 *
 * *Right*: nearer to the true B′ than to B, to A′ and to B with any of the other changes (mean squared error of pixels).
 */

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Analogy, analogies, EDITS } from '../models/emoji/train/analogies.ts'
import { createRenderer } from '../models/emoji/train/render.ts'
import type { Scene } from '../models/emoji/train/world.ts'
import { readScheduleConfig, schedule } from '../src/diffusion/schedule.ts'
import { applyDifferences, learnDifference } from '../src/engine/analogy.ts'
import { type Method, methods } from '../src/engine/modes.ts'
import { readLayout } from '../src/networks/layout.ts'
import { loadModel } from '../src/networks/load.ts'
import { meanSquare } from '../src/tensor/math.ts'
import { createRandom } from '../src/tensor/random.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'

const { values } = parseArgs({
  options: {
    index: { type: 'string', default: '0' },
    seed: { type: 'string', default: '0' },
    every: { type: 'string', default: '1' },
  },
})
const { fast } = methods
const METHODS: Readonly<Record<string, Method>> = {
  fast,
  'the words in which the captions differ, nothing learned': {
    ...fast,
    fromWords: { ...fast.fromWords!, steps: 1, learningRate: { from: 0, to: 0 } },
  },
  'from zero: L_after, L_before, L_CLIP': { ...fast, fromWords: undefined, consistency: true, clipWeight: 0.3 },
  'from zero: L_after alone': { ...fast, fromWords: undefined },
}

const model = await loadModel({
  layout: await readLayout(join(import.meta.dirname, '../models/emoji')),
  learningBatch: 6,
  readSchedule: (config) => schedule(readScheduleConfig(config)),
})
const renderer = createRenderer(model.side)
const tasks = analogies(Number(values.index)).filter((_, place) => place % Number(values.every) === 0)
const results = new Map<string, { right: number; error: number; seconds: number }>()

for (const task of tasks) {
  const [a, a2, b, truth] = await Promise.all([task.a, task.a2, task.b, task.b2].map(picture))
  const others = [b!, a2!, ...(await Promise.all(otherEdits(task).map(picture)))].filter(
    (each) => meanSquare(each, truth!) > 1e-4,
  )
  const grade = (name: string, made: Tensor, seconds: number) => {
    const error = meanSquare(made, truth!)
    const right = others.every((other) => meanSquare(made, other) > error)
    const total = results.get(name) ?? { right: 0, error: 0, seconds: 0 }
    results.set(name, {
      right: total.right + Number(right),
      error: total.error + Math.sqrt(error),
      seconds: total.seconds + seconds,
    })
    return right ? '+' : '−'
  }
  const marks = [grade('B unchanged', b!, 0)]
  for (const [name, method] of Object.entries(METHODS)) {
    const start = performance.now()
    const handles = { random: createRandom(Number(values.seed)) }
    const learned = await learnDifference(model, [{ a: a!, a2: a2! }], method, {}, handles)
    const { pixels } = await applyDifferences(model, b!, [learned], method, learned, handles)
    marks.push(grade(name, pixels, (performance.now() - start) / 1000))
  }
  console.error(`${marks.join(' ')}  ${task.edit.name}`)
}

console.log(`| method | right of ${tasks.length} | error to the true B′ | seconds each |\n|---|---|---|---|`)
for (const [name, { right, error, seconds }] of results) {
  console.log(`| ${name} | ${right} | ${(error / tasks.length).toFixed(3)} | ${(seconds / tasks.length).toFixed(1)} |`)
}
await model.close()

/** B with each of the other changes. */
function otherEdits({ edit, b }: Analogy): Scene[] {
  return EDITS.filter((each) => each !== edit && each.to.thing === undefined).map(({ from, to }) => {
    const { background, ...change } = to
    return { ...b, ...(from.background === background ? change : to) }
  })
}

async function picture(scene: Scene): Promise<Tensor> {
  const raw = await renderer.render(scene)
  const plane = model.side ** 2
  const pixels = tensor([3, model.side, model.side])
  for (const [index, value] of raw.entries())
    pixels.data[(index % 3) * plane + Math.floor(index / 3)] = value / 127.5 - 1
  return pixels
}
