import { readFileSync } from 'node:fs'
import sharp, { type Sharp } from 'sharp'

const sets = new Map<string, IconSet>()

interface IconSet {
  readonly width: number
  readonly height: number
  readonly icons: Readonly<Record<string, { readonly body: string; readonly width?: number; readonly height?: number }>>
}

/** An icon `set:name` of @iconify-json, `size` px high on a clear ground of `side` px. */
export async function icon(id: string, size: number, side: number, background: Background = 'white'): Promise<Buffer> {
  const [set, name] = id.split(':') as [string, string]
  if (!sets.has(set)) sets.set(set, JSON.parse(readFileSync(`node_modules/@iconify-json/${set}/icons.json`, 'utf8')))
  const { icons, ...usual } = sets.get(set)!
  const found = icons[name]
  if (!found) throw new Error(`There is no icon ${id}.`)
  const { width, height } = { ...usual, ...found }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 ${width} ${height}">${found.body}</svg>`
  const drawn = await sharp(Buffer.from(svg)).resize(size, size).png().toBuffer()
  return on(background, side, [
    { input: drawn, left: Math.round((side - size) / 2), top: Math.round((side - size) / 2) },
  ])
}

export type Background = 'white' | 'clear' | string

/** Pictures on an even ground, as PNG. */
export function on(
  background: Background,
  side: number,
  pictures: readonly { readonly input: Buffer; readonly left: number; readonly top: number }[],
): Promise<Buffer> {
  const ground = background === 'clear' ? { r: 0, g: 0, b: 0, alpha: 0 } : background
  const canvas = sharp({ create: { width: side, height: side, channels: 4, background: ground } })
  return png(canvas.composite([...pictures]))
}

export const png = (picture: Sharp): Promise<Buffer> => picture.png({ compressionLevel: 3 }).toBuffer()
