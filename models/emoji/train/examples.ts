/** Draws the ten example triples with their true B′: `node examples.ts DIR [SIDE]`, 256 px if absent. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import sharp from 'sharp'
import { COLOURS } from './colours.ts'
import { createRenderer } from './render.ts'
import { PLAIN, type Scene, SIZES, TURNS } from './world.ts'

interface Example {
  readonly name: string
  /** A and B, less what is plain about them. */
  readonly a: Pick<Scene, 'thing' | 'style'> & Partial<Scene>
  readonly b: Pick<Scene, 'thing' | 'style'> & Partial<Scene>
  /** What A′ and B′ have instead. */
  readonly change: Partial<Scene>
}

const EXAMPLES: readonly Example[] = [
  {
    name: '01-teal-background',
    a: { thing: 'dog-face', style: 'cartoon' },
    b: { thing: 'lion', style: 'flat' },
    change: { background: COLOURS.teal },
  },
  {
    name: '02-orange-to-purple',
    a: { thing: 'rocket', style: 'glossy', background: COLOURS.orange },
    b: { thing: 'ghost', style: 'cartoon', background: COLOURS.orange },
    change: { background: COLOURS.purple },
  },
  {
    name: '03-red-frame',
    a: { thing: 'cat-face', style: 'flat', background: COLOURS.sky },
    b: { thing: 'robot', style: 'glossy', background: COLOURS.yellow },
    change: { frame: 'red' },
  },
  {
    name: '04-greyscale',
    a: { thing: 'automobile', style: 'cartoon', background: COLOURS.sky },
    b: { thing: 'pizza', style: 'flat', background: COLOURS.yellow },
    change: { treatment: 'greyscale' },
  },
  {
    name: '05-negative',
    a: { thing: 'pizza', style: 'glossy', background: COLOURS.green },
    b: { thing: 'butterfly', style: 'cartoon', background: COLOURS.pink },
    change: { treatment: 'negative' },
  },
  {
    name: '06-pixelated',
    a: { thing: 'house', style: 'flat', background: COLOURS.lime },
    b: { thing: 'tiger-face', style: 'cartoon', background: COLOURS.sky },
    change: { treatment: 'pixelated' },
  },
  {
    name: '07-flat-to-ink',
    a: { thing: 'fox', style: 'flat' },
    b: { thing: 'rabbit-face', style: 'flat' },
    change: { style: 'ink' },
  },
  {
    name: '08-smaller',
    a: { thing: 'red-apple', style: 'flat', background: COLOURS.beige },
    b: { thing: 'owl', style: 'cartoon', background: COLOURS.mint },
    change: { size: SIZES.small },
  },
  {
    name: '09-grinning-to-crying',
    a: { thing: 'grinning-face', style: 'cartoon' },
    b: { thing: 'grinning-face', style: 'flat', background: COLOURS.lavender },
    change: { thing: 'crying-face' },
  },
  {
    name: '10-upside-down',
    a: { thing: 'penguin', style: 'flat', background: COLOURS.gold },
    b: { thing: 'cactus', style: 'glossy', background: COLOURS.white },
    change: { turn: TURNS['upside down'] },
  },
]

const SIDE = Number(process.argv[3] ?? 256)
const renderer = createRenderer(SIDE)
for (const { name, a, b, change } of EXAMPLES) {
  const folder = join(process.argv[2]!, name)
  await mkdir(folder, { recursive: true })
  const pictures = { a, a2: { ...a, ...change }, b, truth: { ...b, ...change } }
  for (const [file, scene] of Object.entries(pictures)) {
    const pixels = await renderer.render({ ...PLAIN, ...scene })
    await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
      .png({ palette: true })
      .toFile(join(folder, `${file}.png`))
  }
}
