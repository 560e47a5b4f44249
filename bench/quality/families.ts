/** Seventeen kinds of difference, drawn anew for every pair. */
import { COLOUR_NAMES, COLOURS, type Colour, HUES } from '../../models/emoji/train/colours.ts'
import { keys, pick, shuffle, type Uniform } from '../../models/emoji/train/uniform.ts'
import { FRAME_COLOURS, type Scene, type Style, TINTS, TONES } from '../../models/emoji/train/world.ts'

export type Kind = 'exact' | 'meaning'

export interface Family {
  readonly name: string
  /** `exact`: a warp, a colour rule or a background explains A → A′ to the last pixel. */
  readonly kind: Kind
  /** Whether the captions have no words for it. */
  readonly isUnnamed?: boolean
  readonly draw: (uniform: Uniform) => Change
}

export interface Change {
  /** What A and A′ have, over what is plain. */
  readonly from: Partial<Scene>
  readonly to: Partial<Scene>
  /** What B and B′ have instead, where a change means something else to them: one for each B. */
  readonly others?: readonly { readonly from: Partial<Scene>; readonly to: Partial<Scene> }[]
  /** Attributes that B may not have otherwise than A. */
  readonly fixed?: readonly (keyof Scene)[]
}

const anyColour = (uniform: Uniform): Colour => [uniform() * 255, uniform() * 255, uniform() * 255]
const twoColours = (uniform: Uniform) =>
  shuffle(uniform, COLOUR_NAMES)
    .slice(0, 2)
    .map((name) => COLOURS[name])
const treated = (treatment: Scene['treatment']) => ({ from: {}, to: { treatment } })

export const FAMILIES: readonly Family[] = [
  {
    name: 'background, named',
    kind: 'exact',
    draw: (uniform) => {
      const [from, to] = twoColours(uniform)
      return { from: { background: from! }, to: { background: to! }, fixed: ['background'] }
    },
  },
  {
    name: 'background, any colour',
    kind: 'exact',
    isUnnamed: true,
    draw: (uniform) => ({
      from: { background: COLOURS.white },
      to: { background: anyColour(uniform) },
      fixed: ['background'],
    }),
  },
  {
    name: 'size',
    kind: 'exact',
    draw: (uniform) => ({ from: {}, to: { size: pick(uniform, [0.38, 0.45, 0.55]) } }),
  },
  {
    name: 'place',
    kind: 'exact',
    draw: (uniform) => ({
      from: { size: 0.42 },
      to: {
        size: 0.42,
        place: pick(uniform, [
          [-1, 0],
          [1, 0],
          [0, -1],
          [0, 1],
        ] as const),
      },
      fixed: ['size'],
    }),
  },
  {
    name: 'mirrored or turned',
    kind: 'exact',
    draw: (uniform) => ({ from: {}, to: pick(uniform, [{ mirrored: true }, { turn: 180 }, { turn: 90 }]) }),
  },
  {
    name: 'greyscale, sepia, negative',
    kind: 'exact',
    draw: (uniform) => treated(pick(uniform, ['greyscale', 'sepia', 'negative'])),
  },
  {
    name: 'pixelated, blurred',
    kind: 'exact',
    draw: (uniform) => treated(pick(uniform, ['pixelated', 'blurred'])),
  },
  {
    name: 'tint',
    kind: 'exact',
    draw: (uniform) => ({ from: {}, to: { treatment: 'tinted', tint: pick(uniform, TINTS) } }),
  },
  {
    name: 'frame',
    kind: 'exact',
    draw: (uniform) => ({ from: {}, to: { frame: pick(uniform, FRAME_COLOURS) } }),
  },
  {
    name: 'drawing style',
    kind: 'meaning',
    draw: (uniform) => {
      const [from, to] = shuffle<Style>(uniform, ['cartoon', 'flat', 'glossy', 'ink'])
      return { from: { style: from! }, to: { style: to! }, fixed: ['style'] }
    },
  },
  {
    name: 'expression',
    kind: 'meaning',
    draw: (uniform) => {
      const [from, to] = shuffle(uniform, [
        'grinning-face',
        'crying-face',
        'angry-face',
        'sleeping-face',
        'astonished-face',
      ])
      return { from: { thing: from! }, to: { thing: to! }, fixed: ['thing'] }
    },
  },
  {
    name: 'another thing',
    kind: 'meaning',
    draw: (uniform) => {
      const [from, to] = shuffle(uniform, [
        'cat-face',
        'tiger-face',
        'fox',
        'panda',
        'red-apple',
        'lemon',
        'rocket',
        'house',
      ])
      return { from: { thing: from! }, to: { thing: to! }, fixed: ['thing'] }
    },
  },
  {
    name: 'the thing’s own colour',
    kind: 'meaning',
    isUnnamed: true,
    draw: (uniform) => ({
      from: { style: 'flat' },
      to: { style: 'flat', recoloured: pick(uniform, keys(HUES)) },
      fixed: ['style'],
    }),
  },
  {
    name: 'skin tone',
    kind: 'meaning',
    draw: (uniform) => {
      const hands = shuffle(uniform, ['thumbs-up', 'waving-hand', 'raised-fist', 'ok-hand', 'flexed-biceps'])
      const tone = pick(uniform, TONES.slice(3))
      const hand = (thing: string) => ({ from: { thing, tone: 'none' as const }, to: { thing, tone } })
      return { ...hand(hands[0]!), others: hands.slice(1).map(hand) }
    },
  },
  {
    name: 'from another side',
    kind: 'meaning',
    isUnnamed: true,
    draw: (uniform) => {
      const animals = shuffle(uniform, ['dog', 'cat', 'tiger', 'rabbit', 'mouse', 'cow', 'pig', 'horse'])
      const animal = (name: string) => ({ from: { thing: `${name}-face` }, to: { thing: name } })
      return { ...animal(animals[0]!), others: animals.slice(1).map(animal) }
    },
  },
  {
    name: 'two at once',
    kind: 'meaning',
    draw: (uniform) => {
      const [from, to] = shuffle<Style>(uniform, ['cartoon', 'flat', 'glossy', 'ink'])
      const [before, after] = twoColours(uniform)
      return {
        from: { style: from!, background: before! },
        to: { style: to!, background: after! },
        fixed: ['style', 'background'],
      }
    },
  },
  {
    name: 'size and style',
    kind: 'meaning',
    draw: (uniform) => {
      const [from, to] = shuffle<Style>(uniform, ['cartoon', 'flat', 'glossy'])
      return { from: { style: from! }, to: { style: to!, size: pick(uniform, [0.4, 0.5]) }, fixed: ['style'] }
    },
  },
]
