import { PLAIN, type Scene, type Style } from './world.ts'

/** A change that can be made to any scene. */
export interface Edit {
  readonly name: string
  /** What A has, and B has too: `from` before, `to` after. */
  readonly from: Partial<Scene>
  readonly to: Partial<Scene>
}

const edit = (name: string, from: Partial<Scene>, to: Partial<Scene>): Edit => ({ name, from, to })

export const EDITS: readonly Edit[] = [
  edit('background teal', { background: 'white' }, { background: 'teal' }),
  edit('background orange to purple', { background: 'orange' }, { background: 'purple' }),
  edit('frame red', { background: 'sky' }, { background: 'sky', frame: 'red' }),
  edit('greyscale', { background: 'yellow' }, { background: 'yellow', treatment: 'greyscale' }),
  edit('sepia', { background: 'mint' }, { background: 'mint', treatment: 'sepia' }),
  edit('negative', { background: 'green' }, { background: 'green', treatment: 'negative' }),
  edit('pixelated', { background: 'pink' }, { background: 'pink', treatment: 'pixelated' }),
  edit('blurred', { background: 'cyan' }, { background: 'cyan', treatment: 'blurred' }),
  edit('tinted blue', { background: 'peach' }, { background: 'peach', treatment: 'tinted', tint: 'blue' }),
  edit('style flat to ink', { style: 'flat', background: 'white' }, { style: 'ink', background: 'white' }),
  edit('style ink to glossy', { style: 'ink', background: 'lime' }, { style: 'glossy', background: 'lime' }),
  edit('style cartoon to flat', { style: 'cartoon', background: 'white' }, { style: 'flat', background: 'white' }),
  edit(
    'style glossy to cartoon',
    { style: 'glossy', background: 'lavender' },
    { style: 'cartoon', background: 'lavender' },
  ),
  edit('smaller', { background: 'beige' }, { background: 'beige', size: 'small' }),
  edit('to the left', { background: 'sky', size: 'small' }, { background: 'sky', size: 'small', position: 'left' }),
  edit('upside down', { background: 'gold' }, { background: 'gold', turn: 'upside down' }),
  edit('mirrored', { background: 'white' }, { background: 'white', mirrored: true }),
  edit(
    'grinning to crying',
    { thing: 'grinning-face', background: 'white' },
    { thing: 'crying-face', background: 'white' },
  ),
  edit('cat to tiger', { thing: 'cat-face', background: 'white' }, { thing: 'tiger-face', background: 'white' }),
  edit('apple to lemon', { thing: 'red-apple', background: 'silver' }, { thing: 'lemon', background: 'silver' }),
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

const GROUNDS = ['yellow', 'white', 'sky', 'pink', 'lime', 'silver', 'peach']

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
      background: changesBackground ? a.background : GROUNDS[(place + index) % GROUNDS.length]!,
    }
    const { background, ...change } = each.to
    const changed = changesBackground ? each.to : change
    return { edit: each, a, a2: { ...a, ...each.to }, b, b2: { ...b, ...changed } }
  })
}
