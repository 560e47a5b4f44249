/** What can stand in a scene, and the words for it. The captioner's phrases and the tokenizer's vocabulary come from here. */

/** Icon name in every set → the words for it. */
export const THINGS: Readonly<Record<string, string>> = {
  'dog-face': 'dog',
  'cat-face': 'cat',
  'tiger-face': 'tiger',
  lion: 'lion',
  fox: 'fox',
  bear: 'bear',
  panda: 'panda',
  'rabbit-face': 'rabbit',
  'mouse-face': 'mouse',
  'cow-face': 'cow',
  'pig-face': 'pig',
  frog: 'frog',
  'monkey-face': 'monkey',
  koala: 'koala',
  penguin: 'penguin',
  owl: 'owl',
  fish: 'fish',
  octopus: 'octopus',
  butterfly: 'butterfly',
  'lady-beetle': 'ladybug',
  turtle: 'turtle',
  whale: 'whale',
  'red-apple': 'apple',
  banana: 'banana',
  lemon: 'lemon',
  strawberry: 'strawberry',
  grapes: 'grapes',
  watermelon: 'watermelon',
  cherries: 'cherries',
  carrot: 'carrot',
  pizza: 'pizza',
  hamburger: 'hamburger',
  'hot-beverage': 'coffee',
  'birthday-cake': 'cake',
  doughnut: 'doughnut',
  rocket: 'rocket',
  automobile: 'car',
  airplane: 'airplane',
  sailboat: 'sailboat',
  locomotive: 'train',
  house: 'house',
  tent: 'tent',
  castle: 'castle',
  'light-bulb': 'bulb',
  key: 'key',
  bell: 'bell',
  guitar: 'guitar',
  umbrella: 'umbrella',
  balloon: 'balloon',
  crown: 'crown',
  'gem-stone': 'gem',
  'alarm-clock': 'clock',
  star: 'star',
  sun: 'sun',
  cloud: 'cloud',
  fire: 'fire',
  snowman: 'snowman',
  'christmas-tree': 'tree',
  cactus: 'cactus',
  tulip: 'tulip',
  mushroom: 'mushroom',
  trophy: 'trophy',
  ghost: 'ghost',
  robot: 'robot',
  skull: 'skull',
  'grinning-face': 'grinning face',
  'crying-face': 'crying face',
  'angry-face': 'angry face',
}

/** Style word → npm package of the icon set that draws so. */
export const STYLES = {
  cartoon: '@iconify-json/noto',
  flat: '@iconify-json/fluent-emoji-flat',
  glossy: '@iconify-json/fluent-emoji',
  ink: '@iconify-json/fluent-emoji-high-contrast',
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
export const TINTS = ['red', 'green', 'blue', 'purple'] as const

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
}

/** Wordings of one attribute of a scene; the first is the usual one. Empty where the default needs no word. */
export function phrasesOf(attribute: keyof Scene, scene: Scene): readonly string[] {
  switch (attribute) {
    case 'thing':
      return [`${/^[aeiou]/.test(THINGS[scene.thing]!) ? 'an' : 'a'} ${THINGS[scene.thing]}`, THINGS[scene.thing]!]
    case 'style':
      return [`${scene.style} style`, `in ${scene.style} style`, scene.style]
    case 'background':
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
    case 'tint':
      return []
  }
}
