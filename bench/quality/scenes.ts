/** The analogies themselves: scenes drawn from the families. */

import { COLOURS } from '../../models/emoji/train/colours.ts'
import { HELD_OUT_THINGS } from '../../models/emoji/train/things.ts'
import { pick, seeded, shuffle } from '../../models/emoji/train/uniform.ts'
import { HELD_OUT_STYLE, PLAIN, type Scene, type Style } from '../../models/emoji/train/world.ts'
import { FAMILIES, type Family } from './families.ts'

/** A change of every sort, to tell the right one from. */
export const DISTRACTIONS: readonly Partial<Scene>[] = [
  { background: COLOURS.teal },
  { background: COLOURS.orange },
  { background: COLOURS.black },
  { size: 0.42 },
  { size: 0.42, place: [-1, 0] },
  { mirrored: true },
  { turn: 180 },
  { turn: 90 },
  { treatment: 'greyscale' },
  { treatment: 'sepia' },
  { treatment: 'negative' },
  { treatment: 'pixelated' },
  { treatment: 'blurred' },
  { treatment: 'tinted', tint: 'blue' },
  { treatment: 'tinted', tint: 'orange' },
  { frame: 'red' },
  { frame: 'black' },
  { style: 'ink' },
  { style: 'cartoon' },
  { style: 'glossy' },
  { recoloured: 'blue' },
  { shadow: 'hard' },
]

export interface SceneTask {
  readonly family: Family
  readonly pair: number
  readonly a: Scene
  readonly a2: Scene
  readonly bs: readonly { readonly b: Scene; readonly truth: Scene; readonly distractors: readonly Scene[] }[]
}

/** A tuning list and a final one have nothing in common but the families; a third is for examples to look at. */
export type List = 'tuning' | 'final' | 'examples'

const SEEDS: Readonly<Record<List, number>> = { tuning: 1000, final: 2000, examples: 3000 }
const THINGS = [
  'dog-face',
  'rocket',
  'pizza',
  'automobile',
  'butterfly',
  'house',
  'strawberry',
  'owl',
  'lion',
  'mushroom',
  'guitar',
  'cactus',
  'sailboat',
  'ghost',
  'robot',
  'koala',
  'penguin',
  'castle',
  'crown',
  'umbrella',
]
const BACKGROUNDS = ['white', 'yellow', 'sky', 'pink', 'lime', 'silver', 'peach', 'mint'] as const
const DRAWN: readonly Style[] = ['cartoon', 'flat', 'glossy']

/** @param perFamily Pairs of each family. @param targets Bs of each pair; every third thing or style of theirs is held out from training. */
export function scenesOf(list: List, perFamily: number, targets: number, only?: readonly string[]): SceneTask[] {
  const tasks: SceneTask[] = []
  for (const [index, family] of FAMILIES.entries()) {
    if (only && !only.includes(family.name)) continue
    for (let pair = 0; pair < perFamily; pair++) {
      const uniform = seeded(SEEDS[list] + 100 * index + pair)
      const change = family.draw(uniform)
      const things = shuffle(uniform, THINGS)
      const plain: Scene = {
        ...PLAIN,
        thing: things[0]!,
        style: pick(uniform, DRAWN),
        background: COLOURS[pick(uniform, BACKGROUNDS)],
      }
      const a: Scene = { ...plain, ...change.from }
      const bs = Array.from({ length: targets }, (_, place) => {
        const isHeldOut = (place + pair + index) % 3 === 2
        const own: Scene = {
          ...PLAIN,
          thing: isHeldOut ? pick(uniform, HELD_OUT_THINGS) : things[1 + place]!,
          style: isHeldOut && place % 2 === 0 ? HELD_OUT_STYLE : pick(uniform, DRAWN),
          background: COLOURS[pick(uniform, BACKGROUNDS)],
        }
        const { from, to } = change.others?.[place % change.others.length] ?? change
        const fixed = Object.fromEntries((change.fixed ?? []).map((name) => [name, a[name]]))
        const b: Scene = { ...own, ...fixed, ...from }
        return { b, truth: { ...b, ...to }, distractors: DISTRACTIONS.map((each) => ({ ...b, ...each })) }
      })
      tasks.push({ family, pair, a, a2: { ...a, ...change.to }, bs })
    }
  }
  return tasks
}
