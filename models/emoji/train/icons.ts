import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { FIRST_THINGS, HELD_OUT_THINGS, SECOND_THINGS, THIRD_THINGS } from './things.ts'
import { HELD_OUT_STYLE, type Scene, STYLES, type Style, TONES } from './world.ts'

const require = createRequire(import.meta.url)

/** What scenes are drawn from. */
export interface World {
  readonly things: readonly string[]
  readonly styles: readonly Style[]
  /** The styles of this world that draw a thing in all five skin tones; things without any are missing. */
  readonly tonesOf: ReadonlyMap<string, readonly Style[]>
}

/** `trained` is what the model learns from; the others keep its things or its styles and take the held-out rest. */
export const WORLDS = ['trained', 'held-out style', 'held-out things'] as const
export type WorldName = (typeof WORLDS)[number]

export async function loadWorld(name: WorldName): Promise<World> {
  const styles = (Object.keys(STYLES) as Style[]).filter(
    (style) => (style === HELD_OUT_STYLE) === (name === 'held-out style'),
  )
  const sets = new Map(await Promise.all(styles.map(async (style) => [style, await loadSet(style)] as const)))
  const things = (name === 'held-out things' ? HELD_OUT_THINGS : TRAINED_THINGS).filter((thing) =>
    styles.every((style) => nameIn(sets.get(style)!, thing, 'none') !== undefined),
  )
  const toned = things.map((thing) => {
    const inTones = (style: Style) => TONES.every((tone) => nameIn(sets.get(style)!, thing, tone) !== undefined)
    return [thing, styles.filter(inTones)] as const
  })
  return { things, styles, tonesOf: new Map(toned.filter(([, those]) => those.length > 0)) }
}

/** Every set but the held-out one draws each of them. */
export const TRAINED_THINGS: readonly string[] = [FIRST_THINGS, SECOND_THINGS, THIRD_THINGS].flatMap(Object.keys)

export interface IconSet {
  readonly icons: Readonly<Record<string, { body: string; width?: number; height?: number }>>
  readonly aliases?: Readonly<Record<string, { parent: string; hFlip?: boolean }>>
  readonly width?: number
  readonly height?: number
}

export async function loadSet(style: Style): Promise<IconSet> {
  return JSON.parse(await readFile(require.resolve(`${STYLES[style]}/icons.json`), 'utf8'))
}

/** SVG of a thing in a skin tone, `side` pixels square. */
export function svgOf(set: IconSet, thing: string, tone: Scene['tone'], side: number): string {
  const name = nameIn(set, thing, tone)
  const alias = set.aliases?.[name ?? '']
  const icon = set.icons[alias?.parent ?? name ?? '']
  if (!icon) throw new RangeError(`Expected \`thing\` to be in the icon set in this skin tone, got ${thing}, ${tone}`)
  const width = icon.width ?? set.width ?? 16
  const height = icon.height ?? set.height ?? 16
  const body = alias?.hFlip ? `<g transform="translate(${width} 0) scale(-1 1)">${icon.body}</g>` : icon.body
  return `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${side}" height="${side}" viewBox="0 0 ${width} ${height}">${body}</svg>`
}

/** Fluent's sets leave `-skin-tone` unsaid. */
function nameIn(set: IconSet, thing: string, tone: Scene['tone']): string | undefined {
  const names = tone === 'none' ? [thing] : [`${thing}-${tone}-skin-tone`, `${thing}-${tone}`]
  return names.find((name) => name in set.icons || name in (set.aliases ?? {}))
}
