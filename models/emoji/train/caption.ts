import type { World } from './icons.ts'
import { ATTRIBUTES, type Attribute, phrasesOf } from './names.ts'
import { HELD_OUT_STYLE, PLAIN, type Scene } from './world.ts'

/** The attributes that mean something in a scene: no size or place where two things fill it, no tone without tones, no style without a name. */
export function attributesOf(scene: Scene, world: World): Attribute[] {
  return ATTRIBUTES.filter((name) => {
    if (name === 'size' || name === 'across' || name === 'down') return scene.beside === 'none'
    if (name === 'style') return scene.style !== HELD_OUT_STYLE
    if (name === 'tone') return world.tonesOf.get(scene.thing)?.includes(scene.style) === true
    return true
  })
}

/** Whether an attribute is what a caption leaves unsaid. */
export const isDefault = (name: Attribute, scene: Scene) =>
  name !== 'thing' && name !== 'style' && phrasesOf(name, scene)[0] === phrasesOf(name, { ...scene, ...PLAIN })[0]

/** Thing, style, background, and every other attribute that is not the default, each in its usual wording. */
export function fullCaption(scene: Scene, world: World): string {
  return captionWith(saidOf(scene, world).map((name) => [name, phrasesOf(name, scene)[0]!]))
}

/** The attributes that a full caption names. */
export function saidOf(scene: Scene, world: World): Attribute[] {
  return attributesOf(scene, world).filter((name) => name === 'background' || !isDefault(name, scene))
}

/** “a dog beside a cat, flat style, …” */
export const captionWith = (phrases: readonly (readonly [Attribute, string])[]): string =>
  phrases.map(([name, said], index) => (index === 0 ? said : name === 'beside' ? ` ${said}` : `, ${said}`)).join('')

/** How many tokens a caption is, less start and end: a word or a comma each. */
export const tokensIn = (caption: string) => caption.match(/[a-z]+|,/g)?.length ?? 0
/** Of the 40 of a prompt, start and end take two. */
export const PROMPT_LENGTH = 40
export const MOST_TOKENS = PROMPT_LENGTH - 2
