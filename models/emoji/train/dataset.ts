/**
 * Writes a data set: `node dataset.ts --out DIR --count N --seed S [--side 64] [--world core|full] [--holdouts without|only|with]`
 *   pictures.u8  [N, side, side, 3] RGB
 *   captions.txt four captions a scene, tab-separated, a line each
 *   full.txt     one caption a scene that names everything
 *   corrected.txt one a scene that first states one or two attributes wrongly, and corrects them at the end
 *   scenes.jsonl what each scene is
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { fullCaption } from './caption.ts'
import { loadWorld } from './icons.ts'
import { createRenderer } from './render.ts'
import { drawJitter, drawScene, wantedScenes } from './scene.ts'
import { seeded } from './uniform.ts'
import { drawCaption, drawCorrected } from './wording.ts'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    count: { type: 'string' },
    seed: { type: 'string', default: '0' },
    side: { type: 'string', default: '64' },
    world: { type: 'string', default: 'core' },
    holdouts: { type: 'string', default: 'without' },
  },
})
const out = values.out!
const count = Number(values.count)
const uniform = seeded(Number(values.seed))
const world = await loadWorld(values.world)
const wanted = wantedScenes(values.holdouts)
const renderer = await createRenderer(Number(values.side))
await mkdir(out, { recursive: true })
const pictures = createWriteStream(join(out, 'pictures.u8'))
const captions = createWriteStream(join(out, 'captions.txt'))
const full = createWriteStream(join(out, 'full.txt'))
const corrected = createWriteStream(join(out, 'corrected.txt'))
const scenes = createWriteStream(join(out, 'scenes.jsonl'))
const CHUNK = 256
for (let start = 0; start < count; start += CHUNK) {
  const drawn = Array.from({ length: Math.min(CHUNK, count - start) }, (_, index) => ({
    scene: drawScene(uniform, world, (scene) => wanted(scene, start + index)),
    jitter: drawJitter(uniform),
  }))
  const rendered = await Promise.all(drawn.map(({ scene, jitter }) => renderer.render(scene, jitter)))
  for (const { scene } of drawn) {
    captions.write(`${Array.from({ length: 4 }, () => drawCaption(uniform, scene, world)).join('\t')}\n`)
    full.write(`${fullCaption(scene, world)}\n`)
    corrected.write(`${drawCorrected(uniform, scene, world)}\n`)
    scenes.write(`${JSON.stringify(scene)}\n`)
  }
  if (!pictures.write(Buffer.concat(rendered))) await once(pictures, 'drain')
}
for (const stream of [pictures, captions, full, corrected, scenes]) stream.end()
