/**
 * How often a difference is named rightly, by its direction alone and by trying the likeliest names on the pair, and by
 * how sure the name is: `npx node bench/quality/naming.ts [--list tuning|final] [--per-family N] [--model FOLDER]`.
 * Right: the phrases by which the true captions of A and A′ differ. Prints each name, and for every threshold how many
 * of the named are right.
 */
import { parseArgs } from 'node:util'
import { fullCaption } from '../../models/emoji/train/caption.ts'
import { loadWorld } from '../../models/emoji/train/icons.ts'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { methods } from '../../src/engine/modes.ts'
import { type Name, nameDifference } from '../../src/engine/naming.ts'
import { tryNames } from '../../src/engine/try-names.ts'
import { readReference } from '../../src/hub/reference.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import { combine, unit } from '../../src/tensor/math.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { createDrawing } from './pictures.ts'
import { type List, scenesOf } from './scenes.ts'

const { values } = parseArgs({
  options: {
    list: { type: 'string', default: 'tuning' },
    'per-family': { type: 'string', default: '3' },
    model: { type: 'string', default: 'emoji' },
  },
})
const model = await loadModel({
  layout: await readLayout(readReference(values.model, 'models')),
  learningBatch: 1,
  readSchedule: (config) => schedule(readScheduleConfig(config)),
})
const { joint, variations, caption } = model
if (!joint || !variations || !caption) throw new Error('The model can’t choose captions from a list of phrases.')
const world = await loadWorld('trained')
const draw = createDrawing(model.side)
const found: { readonly likeness: number; readonly isRight: boolean }[] = []
const nameable: { readonly byDirection: boolean; readonly byTrying: boolean }[] = []
for (const scenes of scenesOf(values.list as List, Number(values['per-family']), 1)) {
  const { name: task, a, a2 } = await draw(scenes)
  const [before, after] = [fullCaption(scenes.a, world).split(', '), fullCaption(scenes.a2, world).split(', ')]
  const wanted = scenes.family.isUnnamed ? [] : after.filter((phrase) => !before.includes(phrase))
  const seen = await caption(a)
  const own = await caption(a2, seen)
  const [had, has] = [seen, own].map(({ thing, attributes }) => [thing, ...attributes])
  const phrases = has!.filter((phrase, index) => phrase !== had![index]).join(', ')
  const moved = combine([1, unit(await joint.embedPicture(a2))], [-1, unit(await joint.embedPicture(a))])
  const others = phrases ? [{ phrases, caption: own }] : []
  const names = await nameDifference({ joint, variations }, moved, seen, others)
  const best = await tryNames(model, { a, a2, prompt: seen.full }, names, {
    steps: methods.fast.trySteps,
    random: createRandom(0),
  })
  const isRight = ({ phrases }: Name) =>
    wanted.length > 0 && phrases.split(', ').sort().join() === wanted.toSorted().join()
  if (wanted.length > 0) nameable.push({ byDirection: isRight(names[0]!), byTrying: isRight(best!) })
  found.push({ likeness: best!.likeness, isRight: isRight(best!) })
  const verdict = isRight(best!) ? 'right' : 'wrong'
  console.log(
    `${verdict} ${best!.likeness.toFixed(2)} | ${task} | ${best!.phrases} | ${wanted.join(', ')} | by direction: ${names[0]!.phrases}`,
  )
}
await model.close()

const count = (by: 'byDirection' | 'byTrying') => nameable.filter((each) => each[by]).length
console.log(
  `\nof ${nameable.length} that have a name: ${count('byDirection')} right by direction, ${count('byTrying')} by trying`,
)
console.log('\n| named from | named | right | not named, though right |\n|---|---|---|---|')
for (let least = 0.3; least < 0.95; least += 0.05) {
  const named = found.filter(({ likeness }) => likeness >= least)
  const right = named.filter(({ isRight }) => isRight).length
  const missed = found.filter(({ isRight }) => isRight).length - right
  console.log(`| ${least.toFixed(2)} | ${named.length} | ${right} | ${missed} |`)
}
