import {
  COLOURS,
  FRAME_COLOURS,
  type Jitter,
  PLAIN,
  POSITIONS,
  phrasesOf,
  type Scene,
  STYLES,
  type Style,
  THINGS,
  TINTS,
  TREATMENTS,
  TURNS,
} from './world.ts'

/** Uniform in [0, 1). */
export type Uniform = () => number

/** A small seeded generator (mulberry32). */
export function seeded(seed: number): Uniform {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export const pick = <T>(uniform: Uniform, items: readonly T[]): T => items[Math.floor(uniform() * items.length)]!
const keys = <T extends object>(record: T) => Object.keys(record) as (keyof T)[]
const between = (uniform: Uniform, limit: number) => (uniform() * 2 - 1) * limit

/** Half of the scenes are plain but for their background; the others draw every attribute. */
export function drawScene(uniform: Uniform): Scene {
  const thing = pick(uniform, keys(THINGS))
  const style = pick(uniform, keys(STYLES)) as Style
  const background = uniform() < 0.3 ? 'white' : pick(uniform, keys(COLOURS))
  const plain = { ...PLAIN, thing, style, background }
  if (uniform() < 0.4) return plain
  const treated = uniform() < 0.45
  const size = uniform() < 0.5 ? 'large' : pick(uniform, ['medium', 'small'] as const)
  return {
    ...plain,
    size,
    position: size !== 'large' && uniform() < 0.5 ? pick(uniform, keys(POSITIONS)) : 'centre',
    turn: uniform() < 0.2 ? pick(uniform, keys(TURNS)) : 'upright',
    mirrored: uniform() < 0.2,
    treatment: treated ? pick(uniform, TREATMENTS) : 'none',
    tint: pick(uniform, TINTS),
    frame: uniform() < 0.25 ? pick(uniform, FRAME_COLOURS) : 'none',
  }
}

export function drawJitter(uniform: Uniform): Jitter {
  return {
    colour: [between(uniform, 8), between(uniform, 8), between(uniform, 8)],
    size: between(uniform, 0.03),
    x: between(uniform, 1),
    y: between(uniform, 1),
    angle: uniform() < 0.25 ? between(uniform, 3) : 0,
  }
}

const ATTRIBUTES = ['style', 'background', 'size', 'position', 'turn', 'mirrored', 'treatment', 'frame'] as const

/**
 * Names what is there in varied wording and order; leaves attributes out, defaults more often than the rest. One caption in
 * five first states an attribute wrongly and corrects it later: the later word wins.
 */
export function drawCaption(uniform: Uniform, scene: Scene): string {
  const lead = phrase(uniform, 'thing', scene)
  const said = ATTRIBUTES.filter((name) => uniform() < (isDefault(name, scene) ? 0.2 : 0.85))
  const phrases = shuffle(uniform, said).map((name) => phrase(uniform, name, scene))
  if (uniform() < 0.2) {
    const name = pick(uniform, ['thing', ...ATTRIBUTES] as const)
    const wrong = { ...drawScene(uniform), treatment: pick(uniform, TREATMENTS), frame: pick(uniform, FRAME_COLOURS) }
    const corrected = [...phrases.filter((_, index) => said[index] !== name), phrase(uniform, name, scene)]
    return [
      name === 'thing' ? phrase(uniform, 'thing', wrong) : lead,
      ...(name === 'thing' ? [] : [phrase(uniform, name, wrong)]),
      ...corrected,
    ].join(', ')
  }
  return [lead, ...phrases].join(', ')
}

/** Thing, style, background, and every other attribute that is not the default, each in its usual wording. */
export function fullCaption(scene: Scene): string {
  const said = ATTRIBUTES.filter((name) => name === 'style' || name === 'background' || !isDefault(name, scene))
  return (['thing', ...said] as const).map((name) => phrasesOf(name, scene)[0]).join(', ')
}

const isDefault = (name: (typeof ATTRIBUTES)[number], scene: Scene) => name !== 'style' && scene[name] === PLAIN[name]
const phrase = (uniform: Uniform, name: keyof Scene, scene: Scene) => {
  const choices = phrasesOf(name, scene)
  return uniform() < 0.6 ? choices[0]! : pick(uniform, choices)
}

function shuffle<T>(uniform: Uniform, items: readonly T[]): T[] {
  const shuffled = [...items]
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(uniform() * (last + 1))
    ;[shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!]
  }
  return shuffled
}
