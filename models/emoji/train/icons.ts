import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { FIRST_THINGS, SECOND_THINGS } from './things.ts'
import { type Scene, STYLES, type Style, TONES } from './world.ts'

/** The styles of the shipped model; a `full` world has all seven. */
const CORE_STYLES: readonly Style[] = ['cartoon', 'flat', 'glossy', 'ink']
/** A thing of a `full` world is drawn by at least so many sets. */
const ENOUGH_SETS = 4
const require = createRequire(import.meta.url)

/** What scenes are drawn from. */
export interface World {
  readonly things: readonly string[]
  readonly styles: readonly Style[]
  /** The styles that draw a thing. */
  readonly stylesOf: ReadonlyMap<string, readonly Style[]>
  /** The styles that draw a thing in all five skin tones; things without any are missing. */
  readonly tonesOf: ReadonlyMap<string, readonly Style[]>
}

/** `core` is the world of the shipped model, `full` every thing that at least four of the seven sets draw. */
export async function loadWorld(name: string): Promise<World> {
  if (name !== 'core' && name !== 'full') throw new RangeError(`Expected \`name\` to be core or full, got ${name}`)
  const styles = name === 'core' ? CORE_STYLES : (Object.keys(STYLES) as Style[])
  const sets = new Map(await Promise.all(styles.map(async (style) => [style, await loadSet(style)] as const)))
  const things =
    name === 'core' ? [...Object.keys(FIRST_THINGS), ...Object.keys(SECOND_THINGS)] : shared([...sets.values()])
  const drawnBy = (test: (set: IconSet, thing: string) => boolean) =>
    things.map((thing) => [thing, styles.filter((style) => test(sets.get(style)!, thing))] as const)
  return {
    things,
    styles,
    stylesOf: new Map(drawnBy((set, thing) => nameIn(set, thing, 'none') !== undefined)),
    tonesOf: new Map(
      drawnBy((set, thing) => TONES.every((tone) => nameIn(set, thing, tone) !== undefined)).filter(
        ([, toned]) => toned.length > 0,
      ),
    ),
  }
}

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

/** Names that enough sets draw, without skin tones and without second names of the same drawing. */
function shared(sets: readonly IconSet[]): string[] {
  const counts = new Map<string, number>()
  const second = new Set<string>()
  for (const { icons, aliases = {} } of sets) {
    for (const name of [...Object.keys(icons), ...Object.keys(aliases)]) counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  for (const { aliases = {} } of sets) {
    for (const [name, { parent, hFlip }] of Object.entries(aliases)) {
      if (!hFlip && counts.get(parent)! >= counts.get(name)!) second.add(name)
    }
  }
  return [...counts]
    .filter(([name, count]) => count >= ENOUGH_SETS && !second.has(name) && !name.includes('skin-tone'))
    .map(([name]) => name)
    .sort()
}
