/**
 * How well the emoji model tells pictures of its world from others by the error of its autoencoder:
 * `npx node bench/outside.ts PHOTOGRAPHS [SCENES]`, a folder of pictures that are no emoji (each is taken whole and in
 * quarters), and how many scenes are drawn beside the examples (200 if absent).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { loadWorld } from '../models/emoji/train/icons.ts'
import { createRenderer } from '../models/emoji/train/render.ts'
import { drawScene, wantedScenes } from '../models/emoji/train/scene.ts'
import { seeded } from '../models/emoji/train/uniform.ts'
import { decodeImage } from '../src/image/image.ts'
import { createModelCache } from '../src/worker/model-cache.ts'
import { autoencoderError } from '../src/worker/outside.ts'

const SIDE = 256
const [folder = '', scenes = '200'] = process.argv.slice(2)
const cache = createModelCache({})
const { model } = await cache.load(await cache.look('emoji'))

interface Sight {
  readonly name: string
  readonly error: number
}

const inside = [...(await examples()), ...(await drawn(Number(scenes)))]
const outside = await photographs()
for (const [name, sights] of [
  ['inside', inside],
  ['outside', outside],
] as const) {
  console.log(`${name}, ${sights.length} pictures: 0, 1, 5, 50, 95, 99 and 100 % below ${quantiles(sights)}`)
}
console.log(`area under the curve: ${area()}`)
for (const one of [...outside].sort((a, b) => a.error - b.error).slice(0, 12)) console.log(JSON.stringify(one))
await model.close()

async function look(name: string, bytes: Uint8Array): Promise<Sight> {
  const { pixels } = await decodeImage(bytes, { name, width: model.side, height: model.side })
  return { name, error: await autoencoderError(model, pixels) }
}

async function examples(): Promise<Sight[]> {
  const found: Sight[] = []
  for (const example of readdirSync('examples', { withFileTypes: true }).filter((one) => one.isDirectory())) {
    for (const file of ['a', 'a2', 'b', 'truth']) {
      const path = join('examples', example.name, `${file}.png`)
      found.push(await look(path, readFileSync(path)))
    }
  }
  return found
}

async function drawn(count: number): Promise<Sight[]> {
  const world = await loadWorld('trained')
  const renderer = createRenderer(SIDE)
  const uniform = seeded(7)
  const wanted = wantedScenes('without')
  const found: Sight[] = []
  for (let index = 0; index < count; index++) {
    const pixels = await renderer.render(drawScene(uniform, world, (scene) => wanted(scene, index)))
    const picture = sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    found.push(await look(`scene ${index}`, await picture.png().toBuffer()))
  }
  return found
}

async function photographs(): Promise<Sight[]> {
  const found: Sight[] = []
  for (const file of readdirSync(folder).filter((name) => /\.(png|jpe?g)$/i.test(name))) {
    const whole = await sharp(join(folder, file))
      .removeAlpha()
      .toColourspace('srgb')
      .png()
      .toBuffer({ resolveWithObject: true })
    found.push(await look(file, whole.data))
    const [width, height] = [whole.info.width >> 1, whole.info.height >> 1]
    for (const [left, top] of [
      [0, 0],
      [width, 0],
      [0, height],
      [width, height],
    ] as const) {
      const part = await sharp(whole.data).extract({ left, top, width, height }).png().toBuffer()
      found.push(await look(`${file} at ${left}, ${top}`, part))
    }
  }
  return found
}

function quantiles(sights: readonly Sight[]): string {
  const sorted = sights.map(({ error }) => error).sort((a, b) => a - b)
  return [0, 0.01, 0.05, 0.5, 0.95, 0.99, 1]
    .map((at) => sorted[Math.round(at * (sorted.length - 1))]!.toFixed(3))
    .join(' ')
}

/** How often a picture outside has the larger error. */
function area(): string {
  const wins = outside.reduce((sum, one) => sum + inside.filter((other) => one.error > other.error).length, 0)
  return (wins / outside.length / inside.length).toFixed(3)
}
