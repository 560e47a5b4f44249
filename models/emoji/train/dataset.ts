/**
 * Writes a data set: `node dataset.ts --out DIR --count N --seed S [--side 128] [--world NAME] [--holdouts without|only|with]
 * [--pairs]`; with pairs, every second scene is the one before it with one or two attributes changed.
 *   pictures.u8   [N, side, side, 3] RGB
 *   captions.txt  three captions a scene, tab-separated, a line each
 *   full.txt      one caption a scene that names everything
 *   corrected.txt one a scene that first states one or two attributes wrongly, and corrects them at the end
 *   labels.jsonl  the class of each attribute of a scene
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fullCaption } from './caption.ts'
import { drawChange } from './change.ts'
import { loadWorld, WORLDS } from './icons.ts'
import { labelsOf } from './names.ts'
import { createRenderer } from './render.ts'
import { drawScene, wantedScenes } from './scene.ts'
import { seeded } from './uniform.ts'
import { drawCaption, drawCorrected } from './wording.ts'
import type { Scene } from './world.ts'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    count: { type: 'string' },
    seed: { type: 'string', default: '0' },
    side: { type: 'string', default: '128' },
    world: { type: 'string', default: 'trained' },
    holdouts: { type: 'string', default: 'without' },
    pairs: { type: 'boolean', default: false },
  },
})
const out = values.out!
const count = Number(values.count)
const uniform = seeded(Number(values.seed))
const worldName = WORLDS.find((name) => name === values.world)
if (!worldName) throw new RangeError(`Expected --world to be one of ${WORLDS.join(', ')}, got ${values.world}`)
const world = await loadWorld(worldName)
const wanted = wantedScenes(values.holdouts)
const renderer = createRenderer(Number(values.side))
await mkdir(out, { recursive: true })
const pictures = createWriteStream(join(out, 'pictures.u8'))
const captions = createWriteStream(join(out, 'captions.txt'))
const full = createWriteStream(join(out, 'full.txt'))
const corrected = createWriteStream(join(out, 'corrected.txt'))
const labels = createWriteStream(join(out, 'labels.jsonl'))
const CHUNK = 256
for (let start = 0; start < count; start += CHUNK) {
  const drawn: Scene[] = []
  for (let index = start; index < Math.min(count, start + CHUNK); index++) {
    const before = values.pairs && index % 2 === 1 ? drawn.at(-1) : undefined
    const draw = before && (() => drawChange(uniform, before, world))
    drawn.push(drawScene(uniform, world, (scene) => wanted(scene, index), draw))
  }
  for (const scene of drawn) {
    captions.write(`${Array.from({ length: 3 }, () => drawCaption(uniform, scene, world)).join('\t')}\n`)
    full.write(`${fullCaption(scene, world)}\n`)
    corrected.write(`${drawCorrected(uniform, scene, world)}\n`)
    labels.write(`${JSON.stringify(labelsOf(scene))}\n`)
  }
  const rendered = await Promise.all(drawn.map((scene) => renderer.render(scene)))
  if (!pictures.write(Buffer.concat(rendered))) await once(pictures, 'drain')
}
for (const stream of [pictures, captions, full, corrected, labels]) stream.end()
