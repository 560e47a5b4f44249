/**
 * How often the captioner says each attribute of a picture rightly: `npx node bench/quality/captions.ts [--count 200]
 * [--model FOLDER]`, on scenes that training never saw, in the icon sets that it knows and in one that was held out.
 * *Not default* counts those where the attribute is not what a caption leaves unsaid.
 */
import { parseArgs } from 'node:util'
import { fullCaption } from '../../models/emoji/train/caption.ts'
import { loadWorld } from '../../models/emoji/train/icons.ts'
import { createRenderer } from '../../models/emoji/train/render.ts'
import { drawScene, wantedScenes } from '../../models/emoji/train/scene.ts'
import { seeded } from '../../models/emoji/train/uniform.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { readReference } from '../../src/hub/reference.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import { readPhrases } from '../../src/networks/vision/phrase-captioner.ts'
import { toPixels } from './pictures.ts'

const { values } = parseArgs({
  options: { count: { type: 'string', default: '200' }, model: { type: 'string', default: 'emoji' } },
})
const reference = readReference(values.model, 'models')
const model = await loadModel({
  layout: await readLayout(reference),
  learningBatch: 1,
  readSchedule: (config) => schedule(readScheduleConfig(config)),
})
const { attributes } = await readPhrases(reference.path)
/** An attribute is called by the phrase that is left unsaid. */
const names = ['thing', 'style', 'background', ...attributes.slice(2).map(({ phrases }) => `not “${phrases[0]}”`)]
const renderer = createRenderer(model.side)
const columns: string[][] = names.map((name) => [name])

for (const worldName of ['trained', 'held-out style'] as const) {
  const world = await loadWorld(worldName)
  const [uniform, wanted] = [seeded(2), wantedScenes('without')]
  const counts = names.map(() => ({ all: 0, right: 0, marked: 0, markedRight: 0 }))
  for (let index = 0; index < Number(values.count); index++) {
    const scene = drawScene(uniform, world, (each) => wanted(each, index))
    const caption = await model.caption!(toPixels(await renderer.render(scene), model.side))
    // A companion stands behind the thing, without a comma.
    const parts = fullCaption(scene, world).split(/, | (?=beside )/)
    const said = [caption.thing, ...caption.attributes]
    for (const [at, count] of counts.entries()) {
      const { phrases, said: when } = attributes[at - 1] ?? { phrases: undefined, said: 'always' as const }
      const own = phrases ? parts.find((part) => phrases.includes(part)) : parts[0]
      const truth = own ?? (when === 'unless first' ? phrases![0] : undefined)
      // A background between two colours has no phrase, nor has a held-out style.
      if (truth === undefined) continue
      const isRight = said[at] === truth
      count.all++
      if (isRight) count.right++
      if (when === 'unless first' && own === undefined) continue
      count.marked++
      if (isRight) count.markedRight++
    }
  }
  for (const [at, { all, right, marked, markedRight }] of counts.entries()) {
    columns[at]!.push(share(right, all), `${share(markedRight, marked)} of ${marked}`)
  }
}
await model.close()
console.log(`${values.count} scenes each\n\n| attribute | known sets | not default | held-out set | not default |`)
console.log(`|${'---|'.repeat(5)}`)
for (const column of columns) console.log(`| ${column.join(' | ')} |`)

function share(some: number, all: number) {
  return all === 0 ? '–' : `${Math.round((100 * some) / all)} %`
}
