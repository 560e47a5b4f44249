/**
 * How B′ is made larger, on the ten examples: A, A′ and B are drawn at 256 px, B′ is made at 512 px and compared with the
 * true B′, drawn at 512 px: `npx node bench/enlarge.ts [NAME…]`. Prints, for what is done exactly and for what is learned,
 * the root mean square error (0…1) and SSIM (8 × 8 px of the luma) of B′ at B's own size enlarged by bicubic interpolation
 * and of what isto posts.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { solveAnalogy } from '../src/engine/analogy.ts'
import { blend } from '../src/engine/blend.ts'
import { enlarge } from '../src/engine/enlarge.ts'
import { methods } from '../src/engine/modes.ts'
import { applyExact } from '../src/exact/apply.ts'
import { fitExact, isExact } from '../src/exact/fit.ts'
import { fromBytes, over, type Raster, white } from '../src/exact/raster.ts'
import { decodeImage, decodeRgba, decodeWhole } from '../src/image/decode.ts'
import type { Picture } from '../src/image/picture.ts'
import { meanSquare } from '../src/tensor/math.ts'
import { createRandom } from '../src/tensor/random.ts'
import { type Tensor, tensor } from '../src/tensor/tensor.ts'
import { createModelCache } from '../src/worker/model-cache.ts'
import { shown } from '../src/worker/show.ts'

const SIDE = 512
const whole = (side: number) => ({ left: 0, top: 0, width: side, height: side })
const size = { width: SIDE, height: SIDE }

const folder = await mkdtemp(join(tmpdir(), 'isto-'))
const draw = join(import.meta.dirname, '../models/emoji/train/examples.ts')
for (const side of [256, SIDE]) {
  await promisify(execFile)(process.execPath, [draw, join(folder, String(side)), String(side)])
}
const models = createModelCache({ cacheFolder: join(folder, 'gradients') })
const { model } = await models.load(await models.look('emoji'))
const names = (await readdir(join(folder, '256'))).sort()
const wanted = process.argv.slice(2)

console.log('| example | bicubic | as posted |\n|---|---|---|')
for (const name of names.filter((each) => wanted.length === 0 || wanted.includes(each))) {
  const file = (each: string, side = 256) => readFile(join(folder, String(side), name, `${each}.png`))
  const truth = await decodeWhole(await file('truth', SIDE), SIDE)
  const [a, a2, b] = [await file('a'), await file('a2'), await file('b')]
  const line = (how: string, pictures: readonly Tensor[]) =>
    console.log(`| ${name}, ${how} | ${pictures.map((one) => scoreOf(one, truth)).join(' | ')} |`)
  const fit = fitExact(await read(a, 128), await read(a2, 128))
  if (isExact(fit)) {
    const made = async (least: number) => pixelsOf(applyExact(fit.difference, await read(b, 2048), 1, least)!)
    line('exact', [enlarge(await made(0), whole(256), size, 'cubic'), await made(SIDE)])
  }
  line('learned', await learned(await small(a), await small(a2), await small(b), b))
}
await rm(folder, { recursive: true })

async function learned(a: Picture, a2: Picture, b: Picture, bytes: Uint8Array): Promise<Tensor[]> {
  const pairs = [{ a: a.pixels, a2: a2.pixels }]
  const { made } = await solveAnalogy(model, pairs, b.pixels, methods.fast, {}, { random: createRandom(0) })
  const { image } = await shown(made, b, bytes, undefined)
  const { pixels, mask, isBlended } = made
  const original = await decodeWhole(bytes, model.side)
  const [, height, width] = original.dims as [number, number, number]
  const large = enlarge(pixels, b.frame, { width, height }, 'cubic')
  const plain = isBlended ? blend(original, large, enlarge(mask, b.frame, { width, height }, 'linear')) : large
  return [enlarge(plain, whole(width), size, 'cubic'), await decodeWhole(image!, SIDE)]
}

function small(bytes: Uint8Array): Promise<Picture> {
  return decodeImage(bytes, { name: 'A picture', width: model.side, height: model.side })
}

async function read(bytes: Uint8Array, longest: number): Promise<Raster> {
  return fromBytes(await decodeRgba(bytes, longest))
}

function pixelsOf(made: Raster): Tensor {
  const { width, height, data } = over(made, white)
  const pixels = tensor([3, height, width])
  for (const at of pixels.data.keys()) {
    const area = width * height
    pixels.data[at] = 2 * data[4 * (at % area) + Math.floor(at / area)]! - 1
  }
  return pixels
}

function scoreOf(given: Tensor, truth: Tensor): string {
  const made = tensor(
    given.dims,
    given.data.map((value) => Math.min(1, Math.max(-1, value))),
  )
  return `${(Math.sqrt(meanSquare(made, truth)) / 2).toFixed(4)}, ${ssim(lumaOf(made), lumaOf(truth)).toFixed(3)}`
}

function lumaOf({ data }: Tensor): Float32Array {
  const area = data.length / 3
  return Float32Array.from({ length: area }, (_, at) => {
    return (0.299 * data[at]! + 0.587 * data[area + at]! + 0.114 * data[2 * area + at]!) / 2 + 0.5
  })
}

/** Structural similarity (Wang et al. 2004), mean over windows of 8 × 8 px, four pixels apart. */
function ssim(one: Float32Array, other: Float32Array): number {
  let [total, count] = [0, 0]
  for (let top = 0; top + 8 <= SIDE; top += 4) {
    for (let left = 0; left + 8 <= SIDE; left += 4) {
      let [x, y, xx, yy, xy] = [0, 0, 0, 0, 0]
      for (let at = 0; at < 64; at++) {
        const place = (top + (at >> 3)) * SIDE + left + (at & 7)
        const [p, q] = [one[place]!, other[place]!]
        x += p / 64
        y += q / 64
        xx += (p * p) / 64
        yy += (q * q) / 64
        xy += (p * q) / 64
      }
      const similar = (2 * x * y + 1e-4) * (2 * (xy - x * y) + 9e-4)
      total += similar / ((x * x + y * y + 1e-4) * (xx - x * x + yy - y * y + 9e-4))
      count++
    }
  }
  return total / count
}
