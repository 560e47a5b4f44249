import { fullCaption, MOST_TOKENS, tokensIn } from './caption.ts'
import { holdsOutThing, holdsOutTreatment } from './holdouts.ts'
import type { World } from './icons.ts'
import { SECOND_THINGS } from './things.ts'
import { between, keys, pick, type Uniform } from './uniform.ts'
import {
  COLOURS,
  colourOf,
  FRAME_COLOURS,
  type Jitter,
  luma,
  PLAIN,
  POSITIONS,
  type Scene,
  TINTS,
  TONES,
  TREATMENTS,
  TURNS,
} from './world.ts'

/** Tokens left over in every full caption for a correction of a style. */
const SPARE_TOKENS = 4
/** A shadow can't be seen on a background darker than this. */
const SHADOWED_LUMA = 70

/**
 * A third of the scenes is plain but for the background; the others draw every attribute.
 * @param wanted whether a scene may be drawn (a held-out combination, for example)
 */
export function drawScene(uniform: Uniform, world: World, wanted: (scene: Scene) => boolean = () => true): Scene {
  for (;;) {
    const scene = drawAny(uniform, world)
    const short = tokensIn(fullCaption(scene, world)) <= MOST_TOKENS - SPARE_TOKENS
    if (short && wanted(scene)) return scene
  }
}

/** Which scenes a data set takes, by number: `only` takes held-out things and held-out treatments in turn. */
export function wantedScenes(holdouts: string): (scene: Scene, index: number) => boolean {
  switch (holdouts) {
    case 'with':
      return () => true
    case 'without':
      return (scene) => !holdsOutThing(scene) && !holdsOutTreatment(scene)
    case 'only':
      return (scene, index) => (index % 2 === 0 ? holdsOutThing(scene) : holdsOutTreatment(scene))
    default:
      throw new RangeError(`Expected \`holdouts\` to be with, without or only, got ${holdouts}`)
  }
}

function drawAny(uniform: Uniform, world: World): Scene {
  const thing = drawThing(uniform, world)
  const style = pick(uniform, world.stylesOf.get(thing)!)
  const toned = world.tonesOf.get(thing)?.includes(style) === true && uniform() < 0.85
  const plain: Scene = {
    ...PLAIN,
    thing,
    style,
    background: drawBackground(uniform),
    tone: toned ? pick(uniform, TONES.slice(1)) : 'none',
  }
  if (uniform() < 0.35) return plain
  const treated = uniform() < 0.45
  const size = uniform() < 0.5 ? 'large' : pick(uniform, ['medium', 'small'] as const)
  const alone: Scene = {
    ...plain,
    size,
    position: size !== 'large' && uniform() < 0.5 ? pick(uniform, keys(POSITIONS)) : 'centre',
    turn: uniform() < 0.2 ? pick(uniform, keys(TURNS)) : 'upright',
    mirrored: uniform() < 0.2,
    treatment: !treated ? 'none' : uniform() < 0.2 ? 'tinted' : pick(uniform, TREATMENTS),
    tint: pick(uniform, TINTS),
    frame: uniform() < 0.25 ? pick(uniform, FRAME_COLOURS) : 'none',
    shadow: uniform() < 0.14 && luma(colourOf(plain.background)) >= SHADOWED_LUMA,
  }
  if (uniform() >= 0.1) return alone
  const companion = drawThing(uniform, world)
  if (companion === thing || !world.stylesOf.get(companion)!.includes(style)) return alone
  return { ...alone, size: PLAIN.size, position: PLAIN.position, beside: companion }
}

/** What the second version added is new to the weights, and drawn twice as often as the rest; what has tones thrice. */
function drawThing(uniform: Uniform, world: World): string {
  for (;;) {
    const thing = pick(uniform, world.things)
    const often = thing in SECOND_THINGS ? (world.tonesOf.has(thing) ? 1 : 2 / 3) : 1 / 3
    if (uniform() < often) return thing
  }
}

export function drawBackground(uniform: Uniform): string {
  const kind = uniform()
  if (kind < 0.28) return 'white'
  const names = keys(COLOURS)
  const one = Math.floor(uniform() * names.length)
  const other = Math.floor(uniform() * names.length)
  if (kind > 0.9 && one !== other) return `${names[Math.min(one, other)]} and ${names[Math.max(one, other)]}`
  return names[one]!
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
