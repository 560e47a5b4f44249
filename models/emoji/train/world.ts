/** What can be said of a scene, and the words for it. The captioner's phrases and the tokenizer's vocabulary come from here. */
import { wordsOf } from './things.ts'

/** Style word → npm package of the icon set that draws so. */
export const STYLES = {
  cartoon: '@iconify-json/noto',
  flat: '@iconify-json/fluent-emoji-flat',
  glossy: '@iconify-json/fluent-emoji',
  ink: '@iconify-json/fluent-emoji-high-contrast',
  sticker: '@iconify-json/twemoji',
  outlined: '@iconify-json/openmoji',
  rounded: '@iconify-json/emojione',
} as const
export type Style = keyof typeof STYLES

/** sRGB, 0…255. */
export type Colour = readonly [number, number, number]
export const COLOURS: Readonly<Record<string, Colour>> = {
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
}
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
export const FIRST_TINTS = ['red', 'green', 'blue', 'purple'] as const
export const SECOND_TINTS = ['orange', 'yellow', 'lime', 'teal', 'cyan', 'pink'] as const
export const TINTS = [...FIRST_TINTS, ...SECOND_TINTS] as const
/** `none` is the sets' own yellow, and what things without tones have. */
export const TONES = ['none', 'light', 'medium-light', 'medium', 'medium-dark', 'dark'] as const

/** Fraction of the picture's side that the thing fills. */
export const SIZES = { large: 0.92, medium: 0.66, small: 0.42 } as const
/** Direction of the offset, in the free space; x to the right, y down. */
export const POSITIONS = { centre: [0, 0], left: [-1, 0], right: [1, 0], top: [0, -1], bottom: [0, 1] } as const
/** Degrees clockwise. */
export const TURNS = { upright: 0, 'upside down': 180, 'tilted left': -32, 'tilted right': 32 } as const
export const TREATMENTS = ['none', 'greyscale', 'sepia', 'negative', 'pixelated', 'blurred', 'tinted'] as const

export interface Scene {
  readonly thing: string
  readonly style: Style
  /** Colour name, or two with ` and ` between, in the order of `COLOURS`: the midpoint of both. */
  readonly background: string
  readonly size: keyof typeof SIZES
  readonly position: keyof typeof POSITIONS
  readonly turn: keyof typeof TURNS
  readonly mirrored: boolean
  readonly treatment: (typeof TREATMENTS)[number]
  /** Colour name where `treatment` is `tinted`. */
  readonly tint: (typeof TINTS)[number]
  /** Colour name, or `none`. */
  readonly frame: 'none' | (typeof FRAME_COLOURS)[number]
  /** Skin tone of `thing`. */
  readonly tone: (typeof TONES)[number]
  readonly shadow: boolean
  /** Another thing to the right of `thing`, or `none`. Beside it, `size` and `position` mean nothing. */
  readonly beside: string
}

/** What the names leave open: each is drawn afresh for training and 0 for an exact picture. */
export interface Jitter {
  /** Added to each background channel, 0…255 units. */
  readonly colour: Colour
  /** Added to the size, fraction of the side. */
  readonly size: number
  /** Pixels at 64 px. */
  readonly x: number
  readonly y: number
  /** Degrees. */
  readonly angle: number
}
export const NO_JITTER: Jitter = { colour: [0, 0, 0], size: 0, x: 0, y: 0, angle: 0 }

export const PLAIN: Omit<Scene, 'thing' | 'style'> = {
  background: 'white',
  size: 'large',
  position: 'centre',
  turn: 'upright',
  mirrored: false,
  treatment: 'none',
  tint: 'red',
  frame: 'none',
  tone: 'none',
  shadow: false,
  beside: 'none',
}

/** Brightness as it is seen, 0…255. */
export const luma = (colour: ArrayLike<number>) => 0.299 * colour[0]! + 0.587 * colour[1]! + 0.114 * colour[2]!

/** sRGB of a background. */
export function colourOf(background: string): Colour {
  const colours = background.split(' and ').map((name) => {
    const colour = COLOURS[name]
    if (!colour) throw new RangeError(`Expected \`background\` to be made of names of colours, got ${background}`)
    return colour
  })
  const mean = (channel: 0 | 1 | 2) => colours.reduce((sum, colour) => sum + colour[channel], 0) / colours.length
  return [mean(0), mean(1), mean(2)]
}

/** Wordings of one attribute of a scene; the first is the usual one. */
export function phrasesOf(attribute: keyof Scene, scene: Scene): readonly string[] {
  switch (attribute) {
    case 'thing':
      return [withArticle(scene.thing), wordsOf(scene.thing)]
    case 'style':
      return [`${scene.style} style`, `in ${scene.style} style`, scene.style]
    case 'background':
      if (scene.background.includes(' and '))
        return [`on a background between ${scene.background}`, `between ${scene.background}`]
      return [`on a ${scene.background} background`, `${scene.background} background`, `on ${scene.background}`]
    case 'size':
      return [scene.size]
    case 'position':
      return {
        centre: ['in the centre'],
        left: ['on the left'],
        right: ['on the right'],
        top: ['at the top'],
        bottom: ['at the bottom'],
      }[scene.position]
    case 'turn':
      return [scene.turn]
    case 'mirrored':
      return scene.mirrored ? ['mirrored', 'facing the other way'] : ['not mirrored']
    case 'treatment':
      return {
        none: ['in colour'],
        greyscale: ['greyscale', 'in greyscale'],
        sepia: ['sepia', 'in sepia'],
        negative: ['negative', 'inverted'],
        pixelated: ['pixelated'],
        blurred: ['blurred', 'blurry'],
        tinted: [`tinted ${scene.tint}`, `with a ${scene.tint} tint`],
      }[scene.treatment]
    case 'frame':
      return scene.frame === 'none' ? ['without a frame'] : [`framed in ${scene.frame}`, `with a ${scene.frame} frame`]
    case 'tone':
      return scene.tone === 'none'
        ? ['yellow skin']
        : [`${scene.tone.replace('-', ' ')} skin`, `with ${scene.tone.replace('-', ' ')} skin`]
    case 'shadow':
      return scene.shadow ? ['with a shadow', 'shadowed'] : ['without a shadow']
    case 'beside':
      return scene.beside === 'none'
        ? ['alone']
        : [`beside ${withArticle(scene.beside)}`, `next to ${withArticle(scene.beside)}`]
    case 'tint':
      return []
  }
}

function withArticle(thing: string): string {
  const words = wordsOf(thing)
  return `${/^(?!uni|one|euro)[aeiou]/.test(words) ? 'an' : 'a'} ${words}`
}
