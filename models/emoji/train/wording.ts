import { attributesOf, captionWith, fullCaption, isDefault, MOST_TOKENS, saidOf, tokensIn } from './caption.ts'
import { HUES } from './colours.ts'
import { TRAINED_THINGS, type World } from './icons.ts'
import { type Attribute, phrasesOf, SOMETHING } from './names.ts'
import { drawColour, drawFade, drawPlace, drawSize, drawTreatment, drawTurn } from './scene.ts'
import { wordsOf } from './things.ts'
import { keys, pick, shuffle, type Uniform } from './uniform.ts'
import { ACROSS, DOWN, FRAME_COLOURS, HELD_OUT_STYLE, type Scene, SHADOWS, STYLES, TONES } from './world.ts'

/**
 * Names what is there in varied wording and order; leaves attributes out, defaults more often than the rest. One caption in
 * six first states one or two attributes wrongly and corrects them at the end: the later word wins. One in ten says
 * *something* in place of the thing.
 */
export function drawCaption(uniform: Uniform, scene: Scene, world: World): string {
  for (;;) {
    const caption = drawAny(uniform, scene, world)
    if (tokensIn(caption) <= MOST_TOKENS) return caption
  }
}

/** A full caption that first states one or two attributes wrongly, each in its place, and corrects them at the end. */
export function drawCorrected(uniform: Uniform, scene: Scene, world: World): string {
  const said = saidOf(scene, world)
  const names = attributesOf(scene, world)
  for (let attempt = 0; attempt < 100; attempt++) {
    const corrected = shuffle(uniform, names).slice(0, uniform() < 0.5 ? 2 : 1)
    const wrong = wrongly(uniform, scene, corrected)
    const stated = names.filter((name) => said.includes(name) || corrected.includes(name))
    const first = captionWith(stated.map((name) => [name, phrasesOf(name, wrong)[0]!]))
    const caption = [first, ...corrected.map((name) => phrasesOf(name, scene)[0]!)].join(', ')
    if (tokensIn(caption) <= MOST_TOKENS) return caption
  }
  throw new RangeError(`Expected \`scene\` to have a caption that leaves room, got ${fullCaption(scene, world)}`)
}

function drawAny(uniform: Uniform, scene: Scene, world: World): string {
  const names = attributesOf(scene, world)
  const corrected = uniform() < 0.17 ? shuffle(uniform, names).slice(0, uniform() < 0.4 ? 2 : 1) : []
  const said = shuffle(
    uniform,
    names.filter((name) => name !== 'thing' && !corrected.includes(name) && uniform() < often(name, scene)),
  )
  const right = said.map((name) => phrase(uniform, name, scene))
  const wrong = wrongly(uniform, scene, corrected)
  const early = corrected.filter((name) => name !== 'thing').map((name) => phrase(uniform, name, wrong))
  const rest = uniform() < 0.5 ? [...early, ...right] : shuffle(uniform, [...early, ...right])
  // Wrong words stand right behind the thing or anywhere among the rest; what corrects them comes last.
  const late = corrected.map((name) => phrase(uniform, name, scene))
  const beside = said.includes('beside') && uniform() < 0.6 ? right[said.indexOf('beside')]! : undefined
  const coloured = said.includes('recoloured') && scene.recoloured !== 'own' && uniform() < 0.4
  const others = rest.filter((each) => each !== beside && !(coloured && each === phrasesOf('recoloured', scene)[0]))
  const lead = leadOf(uniform, wrong, coloured)
  return [beside ? `${lead} ${beside}` : lead, ...others, ...late].join(', ')
}

function leadOf(uniform: Uniform, scene: Scene, coloured: boolean): string {
  const unnamed = uniform() < 0.1
  if (coloured)
    return unnamed ? `${SOMETHING} ${scene.recoloured}` : `a ${scene.recoloured} ${wordsOf(scene.thing) ?? SOMETHING}`
  return unnamed ? SOMETHING : phrase(uniform, 'thing', scene)
}

const often = (name: Attribute, scene: Scene) => (isDefault(name, scene) ? (RARE.includes(name) ? 0.05 : 0.12) : 0.85)
/** Defaults that would sound odd if they were said as often as the others. */
const RARE: readonly Attribute[] = ['beside', 'shadow', 'recoloured']

function phrase(uniform: Uniform, name: Attribute, scene: Scene): string {
  const choices = phrasesOf(name, scene)
  return uniform() < 0.6 ? choices[0]! : pick(uniform, choices)
}

/** The scene with other values of some attributes. */
function wrongly(uniform: Uniform, scene: Scene, names: readonly Attribute[]): Scene {
  let wrong = scene
  for (const name of names) {
    const usual = phrasesOf(name, scene)[0]
    let other: Scene
    do {
      other = { ...wrong, ...drawValue(uniform, name, wrong) }
    } while (phrasesOf(name, other)[0] === usual)
    wrong = other
  }
  return wrong
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
