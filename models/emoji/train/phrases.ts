/** Writes the captioner's phrase bank: `node phrases.ts FILE`. Of each attribute the first phrase is the default, left unsaid. */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  COLOURS,
  FRAME_COLOURS,
  PLAIN,
  POSITIONS,
  phrasesOf,
  type Scene,
  SIZES,
  STYLES,
  THINGS,
  TINTS,
  TREATMENTS,
  TURNS,
} from './world.ts'

const file = process.argv[2]!
const scene: Scene = { ...PLAIN, thing: 'dog-face', style: 'flat' }
const usual = <Name extends keyof Scene>(attribute: Name, values: readonly Scene[Name][]) =>
  values.map((value) => phrasesOf(attribute, { ...scene, [attribute]: value })[0]!)
const keys = <Key extends string>(record: Readonly<Record<Key, unknown>>) => Object.keys(record) as Key[]

const bank = {
  things: usual('thing', keys(THINGS)),
  attributes: [
    { said: 'always', phrases: usual('style', keys(STYLES)) },
    { said: 'always', phrases: usual('background', keys(COLOURS)) },
    {
      said: 'unless first',
      phrases: [
        ...usual(
          'treatment',
          TREATMENTS.filter((treatment) => treatment !== 'tinted'),
        ),
        ...TINTS.flatMap((tint) => phrasesOf('treatment', { ...scene, treatment: 'tinted', tint })[0]!),
      ],
    },
    { said: 'unless first', phrases: usual('frame', ['none', ...FRAME_COLOURS]) },
    { said: 'unless first', phrases: usual('size', keys(SIZES)) },
    { said: 'unless first', phrases: usual('position', keys(POSITIONS)) },
    { said: 'unless first', phrases: usual('turn', keys(TURNS)) },
    { said: 'unless first', phrases: usual('mirrored', [false, true]) },
  ],
}
await mkdir(dirname(file), { recursive: true })
await writeFile(file, `${JSON.stringify(bank, null, 1)}\n`)
