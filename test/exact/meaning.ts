import { type Background, icon, on } from './icons.ts'

/** A pair whose difference only a network can make. */
export interface MeaningPair {
  readonly name: string
  readonly a: Buffer
  readonly a2: Buffer
}

const sets = ['twemoji', 'noto', 'openmoji', 'emojione', 'fluent-emoji', 'fluent-emoji-flat'] as const

/** What changes, between which names; in every set that has both. */
const changes: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  expression: [
    ['grinning-face', 'crying-face'],
    ['smiling-face-with-heart-eyes', 'angry-face'],
    ['slightly-smiling-face', 'slightly-frowning-face'],
    ['grinning-face', 'winking-face'],
    ['neutral-face', 'expressionless-face'],
  ],
  'another thing': [
    ['dog-face', 'cat-face'],
    ['rocket', 'bicycle'],
    ['red-heart', 'star'],
    ['pizza', 'hamburger'],
  ],
  'a face added': [
    ['sun', 'sun-with-face'],
    ['new-moon', 'new-moon-face'],
    ['full-moon', 'full-moon-face'],
  ],
  'its colour': [
    ['red-heart', 'blue-heart'],
    ['green-heart', 'purple-heart'],
    ['red-apple', 'green-apple'],
    ['blue-book', 'green-book'],
    ['orange-square', 'blue-square'],
  ],
  'skin tone': [
    ['thumbs-up', 'thumbs-up-dark-skin-tone'],
    ['raised-hand', 'raised-hand-medium-dark-skin-tone'],
    ['boy', 'boy-dark-skin-tone'],
  ],
  'broken, mended': [['red-heart', 'broken-heart']],
  'something put on': [
    ['grinning-face', 'smiling-face-with-sunglasses'],
    ['grinning-face', 'face-with-medical-mask'],
  ],
}
const styles = ['rocket', 'dog-face', 'pizza', 'parrot', 'grinning-face']

const SIDE = 256

type Draw = () => Promise<MeaningPair>

/** Every `each`-th of the pairs; those of which a set has no icon are left out. */
async function drawn(draws: readonly Draw[], each: number): Promise<MeaningPair[]> {
  const pairs: MeaningPair[] = []
  for (const [index, draw] of draws.entries()) {
    if (index % each === 0)
      await draw().then(
        (pair) => pairs.push(pair),
        () => {},
      )
  }
  return pairs
}

const drawing =
  (name: string, one: string, other: string, background: Background = 'white'): Draw =>
  async () => ({
    name: `${name}: ${one}, ${other}`,
    a: await icon(one, 190, SIDE, background),
    a2: await icon(other, 190, SIDE, background),
  })

/** Pairs of meaning alone. */
export function meaningPairs(each = 1): Promise<MeaningPair[]> {
  const changed = Object.entries(changes).flatMap(([change, names]) =>
    names.flatMap(([from, to]) =>
      sets.map((set, n) => drawing(change, `${set}:${from}`, `${set}:${to}`, n % 2 ? 'white' : '#cfe3c4')),
    ),
  )
  const styled = styles.flatMap((name) =>
    sets.map((set, n) => drawing('style', `${set}:${name}`, `${sets[(n + 1) % sets.length]}:${name}`)),
  )
  return drawn([...changed, ...styled], each)
}

/** Skin tones of hands and people that nothing was chosen by, also in the lighter ones. */
export function skinTones(): Promise<MeaningPair[]> {
  const people = ['waving-hand', 'victory-hand', 'flexed-biceps', 'ear', 'woman', 'baby']
  const tones = ['light', 'medium', 'dark']
  const pairs = people.flatMap((person, n) =>
    ['twemoji', 'noto', 'fluent-emoji'].map((set, m) =>
      drawing('skin', `${set}:${person}`, `${set}:${person}-${tones[(n + m) % 3]}-skin-tone`),
    ),
  )
  return drawn(pairs, 1)
}

/** Pairs of meaning where the thing is also made smaller and put aside. */
export function mixedPairs(each = 1): Promise<MeaningPair[]> {
  const pairs = [...changes.expression!, ...changes['skin tone']!].flatMap(([from, to]) =>
    sets.map(
      (set): Draw =>
        async () => {
          const small = await icon(`${set}:${to}`, 100, 100, 'clear')
          return {
            name: `smaller, ${set}:${from}, ${to}`,
            a: await icon(`${set}:${from}`, 190, SIDE),
            a2: await on('white', SIDE, [{ input: small, left: 120, top: 100 }]),
          }
        },
    ),
  )
  return drawn(pairs, each)
}
