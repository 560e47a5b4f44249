import { attributesOf } from './caption.ts'
import { HUES, luma } from './colours.ts'
import { TRAINED_THINGS, type World } from './icons.ts'
import { type Attribute, phrasesOf } from './names.ts'
import {
  drawColour,
  drawFade,
  drawPlace,
  drawSize,
  drawTreatment,
  drawTurn,
  SHADOWED_LUMA,
  SMALL_ENOUGH,
} from './scene.ts'
import { keys, pick, shuffle, type Uniform } from './uniform.ts'
import { ACROSS, DOWN, FRAME_COLOURS, HELD_OUT_STYLE, PLAIN, type Scene, SHADOWS, STYLES, TONES } from './world.ts'

/** The same scene with one or two attributes changed, such as can be seen. */
export function drawChange(uniform: Uniform, scene: Scene, world: World): Scene {
  const seen = attributesOf(scene, world).filter((name) => {
    if (name === 'across' || name === 'down') return scene.size < SMALL_ENOUGH
    return name !== 'shadow' || luma(scene.background) >= SHADOWED_LUMA
  })
  const made = changed(uniform, scene, shuffle(uniform, seen).slice(0, uniform() < 0.3 ? 2 : 1))
  const isToned = world.tonesOf.get(made.thing)?.includes(made.style) === true
  const tone = isToned ? made.tone : 'none'
  if (made.beside === 'none' || made.beside === made.thing) return { ...made, tone, beside: 'none' }
  return { ...made, tone, size: PLAIN.size, place: PLAIN.place }
}

/** The scene with other values of some attributes, said in other words. */
export function changed(uniform: Uniform, scene: Scene, names: readonly Attribute[]): Scene {
  let made = scene
  for (const name of names) {
    const usual = phrasesOf(name, scene)[0]
    let other: Scene
    do {
      other = { ...made, ...drawValue(uniform, name, made) }
    } while (phrasesOf(name, other)[0] === usual)
    made = other
  }
  return made
}

function drawValue(uniform: Uniform, name: Attribute, { place }: Scene): Partial<Scene> {
  switch (name) {
    case 'thing':
      return { thing: pick(uniform, TRAINED_THINGS) }
    case 'style':
      return { style: pick(uniform, NAMED_STYLES) }
    case 'background':
      return { background: drawColour(uniform), fade: uniform() < 0.1 ? drawFade(uniform) : undefined }
    case 'size':
      return { size: drawSize(uniform) }
    case 'across':
      return { place: [drawPlace(uniform, ACROSS), place[1]] }
    case 'down':
      return { place: [place[0], drawPlace(uniform, DOWN)] }
    case 'turn':
      return { turn: drawTurn(uniform) }
    case 'mirrored':
      return { mirrored: uniform() < 0.5 }
    case 'recoloured':
      return { recoloured: uniform() < 0.3 ? 'own' : pick(uniform, keys(HUES)) }
    case 'treatment':
      return drawTreatment(uniform)
    case 'frame':
      return { frame: uniform() < 0.1 ? 'none' : pick(uniform, FRAME_COLOURS) }
    case 'tone':
      return { tone: pick(uniform, TONES) }
    case 'shadow':
      return { shadow: pick(uniform, SHADOWS) }
    case 'beside':
      return { beside: uniform() < 0.2 ? 'none' : pick(uniform, TRAINED_THINGS) }
  }
}

const NAMED_STYLES = keys(STYLES).filter((style) => style !== HELD_OUT_STYLE)
