/**
 * How well the emoji model tells pictures of its world from others by the length of its image encoder's embedding:
 * `npx node bench/outside.ts PHOTOGRAPHS [SCENES]`, a folder of pictures that are no emoji (each is taken whole and in
 * quarters), and how many scenes are drawn beside the examples (200 if absent). Writes
 * the limit into the manifest, beside the checksum of the encoder that it belongs to.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import sharp from 'sharp'
import { loadWorld } from '../models/emoji/train/icons.ts'
import { createRenderer } from '../models/emoji/train/render.ts'
import { drawScene, wantedScenes } from '../models/emoji/train/scene.ts'
import { seeded } from '../models/emoji/train/uniform.ts'
import { decodeImage } from '../src/image/decode.ts'
import { createModelCache } from '../src/worker/model-cache.ts'

const SIDE = 256
const MANIFEST = 'models/emoji/manifest.json'
const [folder = '', scenes = '200'] = process.argv.slice(2)
const cache = createModelCache({})
const { model } = await cache.load(await cache.look('emoji'))

const inside = [...(await examples()), ...(await drawn(Number(scenes)))]
const outside = await photographs()
for (const [name, lengths] of [
  ['inside', inside],
  ['outside', outside],
] as const) {
  console.log(`${name}, ${lengths.length} pictures: 0, 1, 5, 25, 50, 75, 95 and 100 % below ${quantiles(lengths)}`)
}
const limit = [...inside].sort((a, b) => a - b)[Math.floor(inside.length / 100)]!
const found = outside.filter((one) => one < limit).length
console.log(
  `area under the curve: ${area()}; below ${limit.toFixed(1)} are 1 % inside and ${Math.round((100 * found) / outside.length)} % outside`,
)
await model.close()
const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8'))
const encoder = manifest.files.find(({ path }: { path: string }) => path === 'image_encoder/model.onnx').sha256
const marked = { ...manifest, outside: { encoder, length: Number(limit.toFixed(1)) } }
writeFileSync(MANIFEST, `${JSON.stringify(marked, null, 2)}\n`)

async function look(bytes: Uint8Array): Promise<number> {
  const { pixels } = await decodeImage(bytes, { name: 'It', width: model.side, height: model.side })
  return Math.hypot(...(await model.joint!.embedPicture(pixels)).data)
}

async function examples(): Promise<number[]> {
  const lengths: number[] = []
  for (const example of readdirSync('examples', { withFileTypes: true }).filter((one) => one.isDirectory())) {
    for (const file of ['a', 'a2', 'b', 'truth']) {
      lengths.push(await look(readFileSync(join('examples', example.name, `${file}.png`))))
    }
  }
  return lengths
}

async function drawn(count: number): Promise<number[]> {
  const world = await loadWorld('trained')
  const renderer = createRenderer(SIDE)
  const uniform = seeded(7)
  const wanted = wantedScenes('without')
  const lengths: number[] = []
  for (let index = 0; index < count; index++) {
    const pixels = await renderer.render(drawScene(uniform, world, (scene) => wanted(scene, index)))
    const picture = sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    lengths.push(await look(await picture.png().toBuffer()))
  }
  return lengths
}

async function photographs(): Promise<number[]> {
  const lengths: number[] = []
  for (const file of readdirSync(folder).filter((name) => /\.(png|jpe?g)$/i.test(name))) {
    const picture = sharp(join(folder, file)).removeAlpha().toColourspace('srgb').png()
    const { data, info } = await picture.toBuffer({ resolveWithObject: true })
    lengths.push(await look(data))
    const [width, height] = [info.width >> 1, info.height >> 1]
    for (const [left, top] of [
      [0, 0],
      [width, 0],
      [0, height],
      [width, height],
    ] as const) {
      lengths.push(await look(await sharp(data).extract({ left, top, width, height }).png().toBuffer()))
    }
  }
  return lengths
}

function quantiles(lengths: readonly number[]): string {
  const sorted = [...lengths].sort((a, b) => a - b)
  return [0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 1]
    .map((at) => sorted[Math.round(at * (sorted.length - 1))]!.toFixed(1))
    .join(' ')
}

/** How often a picture outside has the shorter embedding. */
function area(): string {
  const wins = outside.reduce((sum, one) => sum + inside.filter((other) => one < other).length, 0)
  return (wins / outside.length / inside.length).toFixed(3)
}
