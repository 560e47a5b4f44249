/** The words for what a scene is. The captioner's phrases and the tokenizer's vocabulary come from here. */
import { namesOf } from './colours.ts'
import { wordsOf } from './things.ts'
import { ACROSS, DOWN, type Scene, SIZES, TURNS } from './world.ts'

export const ATTRIBUTES = [
  'thing',
  'beside',
  'tone',
  'style',
  'background',
  'size',
  'across',
  'down',
  'turn',
  'mirrored',
  'recoloured',
  'treatment',
  'frame',
  'shadow',
] as const
export type Attribute = (typeof ATTRIBUTES)[number]
/** What is said in place of a thing that has no name, or whose name is held out. */
export const SOMETHING = 'something'

const nearest = <Name extends string>(names: Readonly<Record<Name, number>>, value: number): Name =>
  (Object.keys(names) as Name[]).reduce((best, name) =>
    Math.abs(names[name] - value) < Math.abs(names[best] - value) ? name : best,
  )

export const sizeOf = ({ size }: Pick<Scene, 'size'>) => nearest(SIZES, size)
export const acrossOf = ({ place }: Pick<Scene, 'place'>) => nearest(ACROSS, place[0])
export const downOf = ({ place }: Pick<Scene, 'place'>) => nearest(DOWN, place[1])
export const turnOf = ({ turn }: Pick<Scene, 'turn'>) => {
  const within = ((((turn + 180) % 360) + 360) % 360) - 180
  return nearest(TURNS, within < -165 ? within + 360 : within)
}
export const widthOf = ({ frameWidth }: Pick<Scene, 'frameWidth'>) =>
  frameWidth < 0.045 ? 'thinly ' : frameWidth > 0.085 ? 'thickly ' : ''

/** Wordings of one attribute of a scene; the first is the usual one. */
export function phrasesOf(attribute: Attribute, scene: Scene): readonly string[] {
  switch (attribute) {
    case 'thing':
      return [withArticle(scene.thing), wordsOf(scene.thing) ?? SOMETHING]
    case 'style':
      return [`${scene.style} style`, `in ${scene.style} style`, scene.style]
    case 'background':
      return backgroundPhrases(scene)
    case 'size':
      return [sizeOf(scene)]
    case 'across':
      return [`${acrossOf(scene) === 'centre' ? 'in' : 'on'} the ${acrossOf(scene)}`]
    case 'down':
      return [`${downOf(scene) === 'middle' ? 'in' : 'at'} the ${downOf(scene)}`]
    case 'turn':
      return [turnOf(scene)]
    case 'mirrored':
      return scene.mirrored ? ['mirrored', 'facing the other way'] : ['not mirrored']
    case 'recoloured':
      return scene.recoloured === 'own' ? ['its own colours'] : [`coloured ${scene.recoloured}`]
    case 'treatment':
      return treatmentPhrases(scene)
    case 'frame':
      if (scene.frame === 'none') return ['without a frame']
      return [`${widthOf(scene)}framed in ${scene.frame}`, `with a ${scene.frame} frame`]
    case 'tone': {
      const tone = scene.tone.replace('-', ' ')
      return scene.tone === 'none' ? ['yellow skin'] : [`${tone} skin`, `with ${tone} skin`]
    }
    case 'shadow':
      if (scene.shadow === 'none') return ['without a shadow']
      return scene.shadow === 'hard' ? ['with a hard shadow'] : ['with a shadow', 'shadowed']
    case 'beside':
      if (scene.beside === 'none') return ['alone']
      return [`beside ${withArticle(scene.beside)}`, `next to ${withArticle(scene.beside)}`]
  }
}

function backgroundPhrases({ background, fade }: Scene): readonly string[] {
  const names = namesOf(background)
  if (fade) {
    const way = fade.sideways ? ' sideways' : ''
    return [`on a background fading from ${names[0]} to ${namesOf(fade.to)[0]}${way}`]
  }
  if (names.length === 2) {
    const both = names.join(' and ')
    return [`on a background between ${both}`, `between ${both}`]
  }
  return [`on a ${names[0]} background`, `${names[0]} background`, `on ${names[0]}`]
}

function treatmentPhrases({ treatment, tint }: Scene): readonly string[] {
  return {
    none: ['in colour'],
    greyscale: ['greyscale', 'in greyscale'],
    sepia: ['sepia', 'in sepia'],
    negative: ['negative', 'inverted'],
    pixelated: ['pixelated'],
    blurred: ['blurred', 'blurry'],
    tinted: [`tinted ${tint}`, `with a ${tint} tint`],
  }[treatment]
}

function withArticle(thing: string): string {
  const words = wordsOf(thing)
  if (words === undefined) return SOMETHING
  return `${/^(?!uni|one|euro)[aeiou]/.test(words) ? 'an' : 'a'} ${words}`
}

/** One class for each attribute, and for what a phrase holds more: what text encoder and classifier learn to tell. */
export function labelsOf(scene: Scene): Readonly<Record<string, string>> {
  const [first, second] = namesOf(scene.background)
  const fade = scene.fade && `${namesOf(scene.fade.to)[0]}${scene.fade.sideways ? ' sideways' : ''}`
  return {
    thing: scene.thing,
    style: scene.style,
    background: first,
    'second colour': fade ? `to ${fade}` : (second ?? 'none'),
    size: scene.beside === 'none' ? sizeOf(scene) : 'two',
    across: scene.beside === 'none' ? acrossOf(scene) : 'two',
    down: scene.beside === 'none' ? downOf(scene) : 'two',
    turn: turnOf(scene),
    mirrored: String(scene.mirrored),
    recoloured: scene.recoloured,
    treatment: scene.treatment === 'tinted' ? `tinted ${scene.tint}` : scene.treatment,
    frame: scene.frame,
    'frame width': scene.frame === 'none' ? 'none' : widthOf(scene) || 'usual',
    tone: scene.tone,
    shadow: scene.shadow,
    beside: scene.beside,
  }
}
