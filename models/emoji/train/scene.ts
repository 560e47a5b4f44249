import { fullCaption, MOST_TOKENS, tokensIn } from './caption.ts'
import { COLOUR_NAMES, COLOURS, type Colour, HUES, luma } from './colours.ts'
import { holdsOutThing, holdsOutTreatment } from './holdouts.ts'
import type { World } from './icons.ts'
import { between, keys, pick, type Uniform } from './uniform.ts'
import { ACROSS, DOWN, FRAME_COLOURS, PLAIN, type Scene, SIZES, TINTS, TONES, TREATMENTS, TURNS } from './world.ts'

/** Tokens left over in every full caption for a correction of a style. */
const SPARE_TOKENS = 4
/** A shadow can't be seen on a background darker than this. */
export const SHADOWED_LUMA = 70
/** A thing larger than this has no room to be anywhere but in the middle. */
export const SMALL_ENOUGH = 0.85
/** Attributes with numbers: how often one of the named values is drawn, the rest lie anywhere. */
const NAMED = 0.6

/**
 * A quarter of the scenes is plain but for the background; the others draw every attribute.
 * @param wanted whether a scene may be drawn (a held-out combination, for example)
 * @param draw how one is tried
 */
export function drawScene(
  uniform: Uniform,
  world: World,
  wanted: (scene: Scene) => boolean = () => true,
  draw: () => Scene = () => drawAny(uniform, world),
): Scene {
  for (;;) {
    const scene = draw()
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
  const thing = pick(uniform, world.things)
  const style = pick(uniform, world.styles)
  const toned = world.tonesOf.get(thing)?.includes(style) === true && uniform() < 0.85
  const background = drawColour(uniform)
  const plain: Scene = {
    ...PLAIN,
    thing,
    style,
    background,
    fade: uniform() < 0.07 ? drawFade(uniform) : undefined,
    tone: toned ? pick(uniform, TONES.slice(1)) : 'none',
    softness: uniform() < 0.2 ? pick(uniform, [-1, 1]) : 0,
    grain: uniform() < 0.04 ? 1 + 4 * uniform() : 0,
    size: SIZES.large + between(uniform, 0.02),
    turn: uniform() < 0.25 ? between(uniform, 3) : 0,
  }
  if (uniform() < 0.25) return plain
  const size = uniform() < 0.42 ? plain.size : drawSize(uniform)
  const alone: Scene = {
    ...plain,
    size,
    place: size < SMALL_ENOUGH && uniform() < 0.6 ? [drawPlace(uniform, ACROSS), drawPlace(uniform, DOWN)] : [0, 0],
    turn: uniform() < 0.22 ? drawTurn(uniform) : plain.turn,
    mirrored: uniform() < 0.25,
    recoloured: uniform() < 0.15 ? pick(uniform, keys(HUES)) : 'own',
    ...drawTreatment(uniform),
    frame: uniform() < 0.22 ? pick(uniform, FRAME_COLOURS) : 'none',
    frameWidth: uniform() < NAMED ? PLAIN.frameWidth : 0.025 + 0.085 * uniform(),
    shadow: uniform() < 0.2 && luma(background) >= SHADOWED_LUMA ? pick(uniform, ['soft', 'soft', 'hard']) : 'none',
  }
  if (uniform() >= 0.12) return alone
  const companion = pick(uniform, world.things)
  return companion === thing ? alone : { ...alone, size: PLAIN.size, place: PLAIN.place, beside: companion }
}

export function drawColour(uniform: Uniform): Colour {
  const kind = uniform()
  if (kind < 0.22) return COLOURS.white
  if (kind < 0.42) return [uniform() * 255, uniform() * 255, uniform() * 255]
  const named = COLOURS[pick(uniform, COLOUR_NAMES)]
  if (kind < 0.62) return named
  const other = kind < 0.7 ? COLOURS[pick(uniform, COLOUR_NAMES)] : named
  const channel = (at: 0 | 1 | 2) => Math.min(255, Math.max(0, (named[at] + other[at]) / 2 + between(uniform, 8)))
  return [channel(0), channel(1), channel(2)]
}

export const drawFade = (uniform: Uniform): Scene['fade'] => ({
  to: COLOURS[pick(uniform, COLOUR_NAMES)],
  sideways: uniform() < 0.4,
})

export const drawSize = (uniform: Uniform) =>
  uniform() < NAMED ? SIZES[pick(uniform, keys(SIZES))] + between(uniform, 0.015) : 0.31 + 0.62 * uniform()

export const drawPlace = (uniform: Uniform, names: Readonly<Record<string, number>>) =>
  uniform() < NAMED ? names[pick(uniform, keys(names))]! : between(uniform, 1)

export const drawTurn = (uniform: Uniform) =>
  uniform() < NAMED ? TURNS[pick(uniform, keys(TURNS))] + between(uniform, 2) : between(uniform, 180)

export function drawTreatment(uniform: Uniform): Pick<Scene, 'treatment' | 'tint' | 'amount'> {
  const kind = uniform()
  const treatment = kind < 0.58 ? 'none' : kind < 0.72 ? 'tinted' : pick(uniform, TREATMENTS.slice(1, -1))
  return { treatment, tint: pick(uniform, TINTS), amount: uniform() < NAMED ? 1 : 0.65 + 0.7 * uniform() }
}
