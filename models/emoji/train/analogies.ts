import { COLOURS } from './colours.ts'
import { ACROSS, PLAIN, type Scene, SIZES, type Style, TURNS } from './world.ts'

/** A change that can be made to any scene. */
export interface Edit {
  readonly name: string
  /** What A has, and B has too: `from` before, `to` after. */
  readonly from: Partial<Scene>
  readonly to: Partial<Scene>
}

const edit = (name: string, from: Partial<Scene>, to: Partial<Scene>): Edit => ({ name, from, to })

export const EDITS: readonly Edit[] = [
  edit('background teal', { background: COLOURS.white }, { background: COLOURS.teal }),
  edit('background orange to purple', { background: COLOURS.orange }, { background: COLOURS.purple }),
  edit('frame red', { background: COLOURS.sky }, { background: COLOURS.sky, frame: 'red' }),
  edit('greyscale', { background: COLOURS.yellow }, { background: COLOURS.yellow, treatment: 'greyscale' }),
  edit('sepia', { background: COLOURS.mint }, { background: COLOURS.mint, treatment: 'sepia' }),
  edit('negative', { background: COLOURS.green }, { background: COLOURS.green, treatment: 'negative' }),
  edit('pixelated', { background: COLOURS.pink }, { background: COLOURS.pink, treatment: 'pixelated' }),
  edit('blurred', { background: COLOURS.cyan }, { background: COLOURS.cyan, treatment: 'blurred' }),
  edit('tinted blue', { background: COLOURS.peach }, { background: COLOURS.peach, treatment: 'tinted', tint: 'blue' }),
  edit('style flat to ink', { style: 'flat', background: COLOURS.white }, { style: 'ink', background: COLOURS.white }),
  edit(
    'style ink to glossy',
    { style: 'ink', background: COLOURS.lime },
    { style: 'glossy', background: COLOURS.lime },
  ),
  edit(
    'style cartoon to flat',
    { style: 'cartoon', background: COLOURS.white },
    { style: 'flat', background: COLOURS.white },
  ),
  edit(
    'style glossy to cartoon',
    { style: 'glossy', background: COLOURS.lavender },
    { style: 'cartoon', background: COLOURS.lavender },
  ),
  edit('smaller', { background: COLOURS.beige }, { background: COLOURS.beige, size: SIZES.small }),
  edit(
    'to the left',
    { background: COLOURS.sky, size: SIZES.small },
    { background: COLOURS.sky, size: SIZES.small, place: [ACROSS['far left'], 0] },
  ),
  edit('upside down', { background: COLOURS.gold }, { background: COLOURS.gold, turn: TURNS['upside down'] }),
  edit('mirrored', { background: COLOURS.white }, { background: COLOURS.white, mirrored: true }),
  edit(
    'grinning to crying',
    { thing: 'grinning-face', background: COLOURS.white },
    { thing: 'crying-face', background: COLOURS.white },
  ),
  edit(
    'cat to tiger',
    { thing: 'cat-face', background: COLOURS.white },
    { thing: 'tiger-face', background: COLOURS.white },
  ),
  edit(
    'apple to lemon',
    { thing: 'red-apple', background: COLOURS.silver },
    { thing: 'lemon', background: COLOURS.silver },
  ),
]

export interface Analogy {
  readonly edit: Edit
  readonly a: Scene
  readonly a2: Scene
  readonly b: Scene
  /** The true B′. */
  readonly b2: Scene
}

const A_THINGS = [
  'dog-face',
  'rocket',
  'cat-face',
  'pizza',
  'automobile',
  'butterfly',
  'house',
  'fox',
  'strawberry',
  'owl',
]
const B_THINGS = [
  'lion',
  'mushroom',
  'guitar',
  'tiger-face',
  'cactus',
  'panda',
  'sailboat',
  'ghost',
  'rabbit-face',
  'robot',
]
const STYLE_ORDER: readonly Style[] = ['cartoon', 'flat', 'glossy']

const GROUNDS = ['yellow', 'white', 'sky', 'pink', 'lime', 'silver', 'peach'] as const

/** Example `index` of each edit: B is another thing than A in another style and, where the change is not about it, on another background. */
export function analogies(index: number): Analogy[] {
  return EDITS.map((each, place) => {
    const style = (offset: number) => STYLE_ORDER[(place + index + offset) % STYLE_ORDER.length]!
    const a: Scene = {
      ...PLAIN,
      thing: A_THINGS[(place + 3 * index) % A_THINGS.length]!,
      style: style(0),
      ...each.from,
    }
    const changesBackground = each.from.background !== each.to.background
    const changesStyle = each.to.style !== undefined
    const b: Scene = {
      ...a,
      thing: each.from.thing ?? B_THINGS[(place + 7 * index) % B_THINGS.length]!,
      style: changesStyle ? a.style : style(1),
      background: changesBackground ? a.background : COLOURS[GROUNDS[(place + index) % GROUNDS.length]!],
    }
    const { background, ...change } = each.to
    const changed = changesBackground ? each.to : change
    return { edit: each, a, a2: { ...a, ...each.to }, b, b2: { ...b, ...changed } }
  })
}
