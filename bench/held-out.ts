/**
 * Ten more triples whose B is drawn by icons that no model here was trained with, chosen by nobody: the first pair of
 * every family of meaning in which B may have any style, then of the exact kinds in their order, drawn from a seed of
 * their own. Writes examples/held-out.png (A, A′, B, B′, and the true B′) and prints a table: `npx node bench/held-out.ts`
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRenderer } from '../models/emoji/train/render.ts'
import { HELD_OUT_STYLE, type Scene } from '../models/emoji/train/world.ts'
import { encodeRgba } from '../src/image/encode.ts'
import { EXAMPLE_HEAD, exampleRow, exampleSheet } from './example-row.ts'
import { scenesOf } from './quality/scenes.ts'

const SIDE = 256
const COUNT = 10

const folder = await mkdtemp(join(tmpdir(), 'isto-held-out-'))
const renderer = createRenderer(SIDE)
const tasks = scenesOf('examples', 1, 1).filter(({ a, a2 }) => a.style === a2.style && a.recoloured === a2.recoloured)
const meaning = tasks.filter(({ family }) => family.kind === 'meaning')
const chosen = [...meaning, ...tasks.filter(({ family }) => family.kind === 'exact')].slice(0, COUNT)

console.log(EXAMPLE_HEAD)
const folders: string[] = []
for (const { family, a, a2, bs } of chosen) {
  const own = join(folder, String(folders.length + 1))
  await mkdir(own)
  const [{ b, truth }] = bs as [(typeof bs)[number]]
  const pictures = { a, a2, b: { ...b, style: HELD_OUT_STYLE }, truth: { ...truth, style: HELD_OUT_STYLE } }
  for (const [name, scene] of Object.entries(pictures)) await writeFile(join(own, `${name}.png`), await drawn(scene))
  console.log(await exampleRow(own, `${folders.length + 1}, ${family.name}`))
  folders.push(own)
}
await writeFile(join(import.meta.dirname, '../examples/held-out.png'), await exampleSheet(folders))
await rm(folder, { recursive: true })

async function drawn(scene: Scene): Promise<Uint8Array> {
  const rgb = await renderer.render(scene)
  const data = new Uint8Array(4 * SIDE * SIDE).fill(255)
  for (let at = 0; at < SIDE * SIDE; at++) data.set(rgb.subarray(3 * at, 3 * at + 3), 4 * at)
  return encodeRgba({ width: SIDE, height: SIDE, data })
}
