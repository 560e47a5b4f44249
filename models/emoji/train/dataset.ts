/**
 * Writes a data set: `node dataset.ts --out DIR --count N --seed S [--side 64]`
 *   pictures.u8  [N, side, side, 3] RGB
 *   captions.txt four captions a scene, tab-separated, a line each
 *   full.txt     one caption a scene that names everything
 *   scenes.jsonl what each scene is
 */
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { createRenderer } from './render.ts'
import { drawCaption, drawJitter, drawScene, fullCaption, seeded } from './scene.ts'

const { values } = parseArgs({
  options: {
    out: { type: 'string' },
    count: { type: 'string' },
    seed: { type: 'string', default: '0' },
    side: { type: 'string', default: '64' },
  },
})
const out = values.out!
const count = Number(values.count)
const uniform = seeded(Number(values.seed))
const renderer = await createRenderer(Number(values.side))
await mkdir(out, { recursive: true })
const pictures = createWriteStream(join(out, 'pictures.u8'))
const captions = createWriteStream(join(out, 'captions.txt'))
const full = createWriteStream(join(out, 'full.txt'))
const scenes = createWriteStream(join(out, 'scenes.jsonl'))
const CHUNK = 256
for (let start = 0; start < count; start += CHUNK) {
  const drawn = Array.from({ length: Math.min(CHUNK, count - start) }, () => ({
    scene: drawScene(uniform),
    jitter: drawJitter(uniform),
  }))
  const rendered = await Promise.all(drawn.map(({ scene, jitter }) => renderer.render(scene, jitter)))
  for (const { scene } of drawn) {
    captions.write(`${Array.from({ length: 4 }, () => drawCaption(uniform, scene)).join('\t')}\n`)
    full.write(`${fullCaption(scene)}\n`)
    scenes.write(`${JSON.stringify(scene)}\n`)
  }
  if (!pictures.write(Buffer.concat(rendered))) await once(pictures, 'drain')
}
for (const stream of [pictures, captions, full, scenes]) stream.end()
