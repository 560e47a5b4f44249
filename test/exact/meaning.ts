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

/** Pairs of meaning alone. */
export async function meaningPairs(): Promise<MeaningPair[]> {
  const pairs: MeaningPair[] = []
  const add = async (name: string, one: string, other: string, background: Background) => {
    const drawn = await Promise.all([one, other].map((id) => icon(id, 190, SIDE, background).catch(() => undefined)))
    const [a, a2] = drawn
    if (a && a2) pairs.push({ name: `${name}: ${one}, ${other}`, a, a2 })
  }
  for (const [change, names] of Object.entries(changes)) {
    for (const [from, to] of names) {
      for (const [n, set] of sets.entries())
        await add(change, `${set}:${from}`, `${set}:${to}`, n % 2 ? 'white' : '#cfe3c4')
    }
  }
  for (const name of styles) {
    for (const [n, set] of sets.entries()) {
      await add('style', `${set}:${name}`, `${sets[(n + 1) % sets.length]}:${name}`, 'white')
    }
  }
  return pairs
}

/** Skin tones of hands and people that nothing was chosen by, also in the lighter ones. */
export async function skinTones(): Promise<MeaningPair[]> {
  const pairs: MeaningPair[] = []
  const people = ['waving-hand', 'victory-hand', 'flexed-biceps', 'ear', 'woman', 'baby'] as const
  const tones = ['light', 'medium', 'dark'] as const
  for (const [n, person] of people.entries()) {
    for (const [m, set] of (['twemoji', 'noto', 'fluent-emoji'] as const).entries()) {
      const [one, other] = [`${set}:${person}`, `${set}:${person}-${tones[(n + m) % 3]}-skin-tone`]
      try {
        const [a, a2] = [await icon(one, 190, SIDE), await icon(other, 190, SIDE)]
        pairs.push({ name: `${one}, ${other}`, a, a2 })
      } catch {}
    }
  }
  return pairs
}

/** Pairs of meaning where the thing is also made smaller and put aside. */
export async function mixedPairs(): Promise<MeaningPair[]> {
  const pairs: MeaningPair[] = []
  for (const [from, to] of [...changes.expression!, ...changes['skin tone']!]) {
    for (const set of sets) {
      try {
        const a = await icon(`${set}:${from}`, 190, SIDE)
        const small = await icon(`${set}:${to}`, 100, 100, 'clear')
        const a2 = await on('white', SIDE, [{ input: small, left: 120, top: 100 }])
        pairs.push({ name: `smaller, ${set}:${from}, ${to}`, a, a2 })
      } catch {}
    }
  }
  return pairs
}
