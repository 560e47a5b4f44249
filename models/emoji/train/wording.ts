import { attributesOf, captionWith, fullCaption, isDefault, MOST_TOKENS, saidOf, tokensIn } from './caption.ts'
import { changed } from './change.ts'
import type { World } from './icons.ts'
import { type Attribute, phrasesOf, SOMETHING } from './names.ts'
import { wordsOf } from './things.ts'
import { pick, shuffle, type Uniform } from './uniform.ts'
import type { Scene } from './world.ts'

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
    const wrong = changed(uniform, scene, corrected)
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
  const wrong = changed(uniform, scene, corrected)
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
