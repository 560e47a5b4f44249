/** Colours by name, and the nearest name of any colour. */

/** sRGB, 0…255. */
export type Colour = readonly [number, number, number]
export const COLOURS = {
  white: [255, 255, 255],
  black: [20, 20, 20],
  grey: [128, 128, 128],
  silver: [200, 200, 200],
  red: [220, 40, 50],
  maroon: [120, 20, 40],
  orange: [245, 140, 30],
  peach: [255, 205, 165],
  brown: [125, 75, 40],
  beige: [235, 220, 185],
  gold: [215, 170, 30],
  yellow: [250, 225, 60],
  olive: [120, 125, 30],
  lime: [160, 220, 50],
  green: [50, 160, 75],
  forest: [20, 85, 45],
  mint: [165, 235, 200],
  teal: [15, 125, 125],
  cyan: [50, 205, 225],
  sky: [140, 200, 250],
  blue: [45, 95, 225],
  navy: [25, 35, 105],
  purple: [115, 60, 175],
  lavender: [195, 175, 240],
  magenta: [215, 40, 160],
  pink: [250, 165, 200],
} as const satisfies Record<string, Colour>
export type ColourName = keyof typeof COLOURS
export const COLOUR_NAMES = Object.keys(COLOURS) as ColourName[]

/** Hues that a thing's own colours can be turned to, degrees. */
export const HUES = {
  red: 0,
  orange: 30,
  yellow: 52,
  green: 130,
  cyan: 185,
  blue: 222,
  purple: 270,
  pink: 325,
} as const
export type HueName = keyof typeof HUES

/** Brightness as it is seen, 0…255. */
export const luma = (colour: ArrayLike<number>) => 0.299 * colour[0]! + 0.587 * colour[1]! + 0.114 * colour[2]!

/** Halfway between two colours. */
export const blend = (one: Colour, other: Colour): Colour => [
  (one[0] + other[0]) / 2,
  (one[1] + other[1]) / 2,
  (one[2] + other[2]) / 2,
]

/** Blends of two named colours, in the order of `COLOURS`. */
const BLENDS = COLOUR_NAMES.flatMap((one, index) =>
  COLOUR_NAMES.slice(index + 1).map((other) => ({
    names: [one, other] as const,
    colour: blend(COLOURS[one], COLOURS[other]),
  })),
)
/** Distance in sRGB units within which a colour has a name of its own. */
const NAMED = 28

export function nearestName(colour: Colour): ColourName {
  return COLOUR_NAMES.reduce((best, name) =>
    distance(COLOURS[name], colour) < distance(COLOURS[best], colour) ? name : best,
  )
}

/** One name where the colour is near it, otherwise the two names that it is most nearly halfway between. */
export function namesOf(colour: Colour): readonly [ColourName] | readonly [ColourName, ColourName] {
  const name = nearestName(colour)
  const near = distance(COLOURS[name], colour)
  if (near <= NAMED) return [name]
  const best = BLENDS.reduce((found, each) =>
    distance(each.colour, colour) < distance(found.colour, colour) ? each : found,
  )
  return distance(best.colour, colour) < near ? best.names : [name]
}

const distance = (one: Colour, other: Colour) => Math.hypot(one[0] - other[0], one[1] - other[1], one[2] - other[2])
