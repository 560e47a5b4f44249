/**
 * Writes every icon as the mean picture's network is told of it: `node sprite-table.ts DIR`
 *   sprites.u8     [N, 4, 48, 48] light and cover, light multiplied by cover
 *   sprites.jsonl  whose sprite it is: thing, style, tone, recoloured
 *   colours.json   the colours by name, 0…255
 */
import { createWriteStream, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { COLOURS, HUES } from './colours.ts'
import { turnHue, turnTo } from './effects.ts'
import { loadSet, loadWorld, svgOf } from './icons.ts'
import { createSprites } from './sprites.ts'
import { keys } from './uniform.ts'
import type { Scene, Style } from './world.ts'
import { TONES } from './world.ts'

const SIDE = 48
const [folder = ''] = process.argv.slice(2)
const world = await loadWorld('trained')
const sprites = createSprites(256)
writeFileSync(join(folder, 'colours.json'), JSON.stringify(COLOURS))
const sets = new Map(await Promise.all(world.styles.map(async (style) => [style, await loadSet(style)] as const)))
const pictures = createWriteStream(join(folder, 'sprites.u8'))
const names = createWriteStream(join(folder, 'sprites.jsonl'))
for (const style of world.styles) {
  for (const thing of world.things) {
    const tones = world.tonesOf.get(thing)?.includes(style) ? TONES : (['none'] as const)
    for (const tone of tones) await write(style, thing, tone)
  }
}
pictures.end()
names.end()

async function write(style: Style, thing: string, tone: Scene['tone']): Promise<void> {
  const { hue } = await sprites(style, thing, tone)
  const set = sets.get(style)!
  const svg = Buffer.from(svgOf(await set, thing, tone, 192))
  const pixels = await sharp(svg).resize(192, 192).resize(SIDE, SIDE).ensureAlpha().raw().toBuffer()
  for (const recoloured of ['own', ...keys(HUES)] as const) {
    const planes = Buffer.alloc(4 * SIDE * SIDE)
    for (let pixel = 0; pixel < SIDE * SIDE; pixel++) {
      const share = pixels[pixel * 4 + 3]! / 255
      const own = [0, 1, 2].map((channel) => pixels[pixel * 4 + channel]!) as [number, number, number]
      const turned =
        style === 'ink' && recoloured !== 'own'
          ? COLOURS[recoloured]
          : recoloured === 'own'
            ? own
            : turnHue(own, turnTo(recoloured, hue))
      for (let channel = 0; channel < 3; channel++)
        planes[channel * SIDE * SIDE + pixel] = Math.round(Math.min(255, Math.max(0, turned[channel]!)) * share)
      planes[3 * SIDE * SIDE + pixel] = Math.round(share * 255)
    }
    pictures.write(planes)
    names.write(`${JSON.stringify({ thing, style, tone, recoloured })}\n`)
  }
}
