import { nearestName } from './colours.ts'
import type { Scene } from './world.ts'

/**
 * Combinations never drawn in what the model is trained on, to measure whether it can put together what it has only seen
 * apart. Forty things and a style are held out wholly, see `things.ts` and `world.ts`.
 */
const THING_AND_STYLE: ReadonlySet<string> = new Set([
  'winking-face, cartoon',
  'sleeping-face, flat',
  'face-with-tears-of-joy, glossy',
  'astonished-face, ink',
  'smiling-face-with-sunglasses, cartoon',
  'smiling-face-with-heart-eyes, flat',
  'thinking-face, glossy',
  'thumbs-up, ink',
  'waving-hand, cartoon',
  'raised-fist, flat',
  'ok-hand, glossy',
  'horse-face, ink',
  'elephant, cartoon',
  'unicorn, flat',
  'honeybee, glossy',
  'duck, ink',
  'crab, cartoon',
  'dolphin, flat',
  'pineapple, glossy',
  'pear, ink',
  'ice-cream, cartoon',
  'soccer-ball, flat',
  'wrapped-gift, glossy',
  'sunflower, ink',
])
const TINT_AND_BACKGROUND: ReadonlySet<string> = new Set([
  'orange, white',
  'orange, blue',
  'yellow, teal',
  'yellow, purple',
  'lime, pink',
  'lime, red',
  'teal, yellow',
  'teal, orange',
  'cyan, gold',
  'cyan, brown',
  'pink, green',
  'pink, sky',
  'orange, navy',
  'yellow, magenta',
  'lime, lavender',
  'cyan, black',
])
/** Whether a scene has one of the combinations of a thing with a style. */
export function holdsOutThing({ thing, beside, style }: Scene): boolean {
  return THING_AND_STYLE.has(`${thing}, ${style}`) || THING_AND_STYLE.has(`${beside}, ${style}`)
}

/** Whether a scene has one of the combinations of a tint with a background. */
export function holdsOutTreatment({ treatment, tint, fade, background }: Scene): boolean {
  return treatment === 'tinted' && !fade && TINT_AND_BACKGROUND.has(`${tint}, ${nearestName(background)}`)
}
