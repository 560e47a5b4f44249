/** What a scene is, in numbers; `names.ts` has the words for it. */
import { COLOURS, type Colour, type HueName } from './colours.ts'

/** Style word → npm package of the icon set that draws so. */
export const STYLES = {
  cartoon: '@iconify-json/noto',
  flat: '@iconify-json/fluent-emoji-flat',
  glossy: '@iconify-json/fluent-emoji',
  ink: '@iconify-json/fluent-emoji-high-contrast',
  sticker: '@iconify-json/twemoji',
  rounded: '@iconify-json/emojione',
} as const
export type Style = keyof typeof STYLES
/** Never drawn in what the model is trained on, and no word for it is ever learned. */
export const HELD_OUT_STYLE: Style = 'rounded'

export const FRAME_COLOURS = [
  'red',
  'orange',
  'yellow',
  'green',
  'teal',
  'blue',
  'purple',
  'pink',
  'brown',
  'black',
] as const
export const TINTS = ['red', 'green', 'blue', 'purple', 'orange', 'yellow', 'lime', 'teal', 'cyan', 'pink'] as const
/** `none` is the sets' own yellow, and what things without tones have. */
export const TONES = ['none', 'light', 'medium-light', 'medium', 'medium-dark', 'dark'] as const
export const TREATMENTS = ['none', 'greyscale', 'sepia', 'negative', 'pixelated', 'blurred', 'tinted'] as const
export const SHADOWS = ['none', 'soft', 'hard'] as const

/** Fraction of the picture's side that the thing fills. */
export const SIZES = { large: 0.92, 'fairly large': 0.78, medium: 0.64, 'fairly small': 0.5, small: 0.38 } as const
/** Where the thing is in the free space, across (x to the right) and down (y). */
export const ACROSS = { 'far left': -1, left: -0.5, centre: 0, right: 0.5, 'far right': 1 } as const
export const DOWN = { 'very top': -1, top: -0.5, middle: 0, bottom: 0.5, 'very bottom': 1 } as const
/** Degrees clockwise. */
export const TURNS = {
  upright: 0,
  'tilted right': 30,
  'tilted far right': 60,
  'on its right side': 90,
  'upside down and tilted far left': 120,
  'upside down and tilted left': 150,
  'upside down': 180,
  'upside down and tilted right': -150,
  'upside down and tilted far right': -120,
  'on its left side': -90,
  'tilted far left': -60,
  'tilted left': -30,
} as const

export interface Scene {
  readonly thing: string
  readonly style: Style
  readonly background: Colour
  /** The background fades into this colour, downwards or to the right. */
  readonly fade: { readonly to: Colour; readonly sideways: boolean } | undefined
  /** Fraction of the picture's side that the thing fills, 0.3…0.95. */
  readonly size: number
  /** Where the thing is in the free space, across and down, −1…1. */
  readonly place: readonly [number, number]
  /** Degrees clockwise. */
  readonly turn: number
  /** Before it is turned. */
  readonly mirrored: boolean
  /** The hue that the thing's own colours are turned to, or `own`. */
  readonly recoloured: 'own' | HueName
  readonly treatment: (typeof TREATMENTS)[number]
  /** Of a tint, a blur and of pixels: 1 is usual. */
  readonly amount: number
  /** Colour where `treatment` is `tinted`. */
  readonly tint: (typeof TINTS)[number]
  readonly frame: 'none' | (typeof FRAME_COLOURS)[number]
  /** Fraction of the side. */
  readonly frameWidth: number
  /** Skin tone of `thing`. */
  readonly tone: (typeof TONES)[number]
  readonly shadow: (typeof SHADOWS)[number]
  /** Another thing to the right of `thing`, or `none`. Beside it, `size` and `place` mean nothing. */
  readonly beside: string
  /** Steps of √2 that things are scaled down less (sharp) or more (soft) than they should be; deviation of noise, 0…255 units. */
  readonly softness: number
  readonly grain: number
}

export const PLAIN: Omit<Scene, 'thing' | 'style'> = {
  background: COLOURS.white,
  fade: undefined,
  size: SIZES.large,
  place: [0, 0],
  turn: 0,
  mirrored: false,
  recoloured: 'own',
  treatment: 'none',
  amount: 1,
  tint: 'red',
  frame: 'none',
  frameWidth: 1 / 16,
  tone: 'none',
  shadow: 'none',
  beside: 'none',
  softness: 0,
  grain: 0,
}
