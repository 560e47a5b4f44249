import type { World } from './icons.ts'
import { PLAIN, phrasesOf, type Scene } from './world.ts'

const ATTRIBUTES = [
  'beside',
  'tone',
  'style',
  'background',
  'size',
  'position',
  'turn',
  'mirrored',
  'treatment',
  'frame',
  'shadow',
] as const
export type Attribute = (typeof ATTRIBUTES)[number]

/** The attributes that mean something in a scene: no size or position where two things fill it, no tone without tones. */
export function attributesOf(scene: Scene, world: World): Attribute[] {
  return ATTRIBUTES.filter((name) => {
    if (name === 'size' || name === 'position') return scene.beside === 'none'
    if (name === 'tone') return world.tonesOf.get(scene.thing)?.includes(scene.style) === true
    return true
  })
}

export const isDefault = (name: Attribute, scene: Scene) => name !== 'style' && scene[name] === PLAIN[name]

/** Thing, style, background, and every other attribute that is not the default, each in its usual wording. */
export function fullCaption(scene: Scene, world: World): string {
  return captionWith(
    scene,
    saidOf(scene, world).map((name) => [name, phrasesOf(name, scene)[0]!]),
  )
}

/** The attributes that a full caption names. */
export function saidOf(scene: Scene, world: World): Attribute[] {
  return attributesOf(scene, world).filter((name) => name === 'background' || !isDefault(name, scene))
}

/** “a dog beside a cat, flat style, …” */
export function captionWith(scene: Scene, phrases: readonly (readonly [Attribute, string])[]): string {
  const lead = phrasesOf('thing', scene)[0]!
  return phrases.reduce((caption, [name, said]) => `${caption}${name === 'beside' ? ' ' : ', '}${said}`, lead)
}

/** How many tokens a caption is, less start and end: a word or a comma each. */
export const tokensIn = (caption: string) => caption.match(/[a-z]+|,/g)?.length ?? 0
/** Of the 32 of a prompt, start and end take two. */
export const MOST_TOKENS = 30
