/**
 * Writes the captioner's phrase bank: `node phrases.ts FILE [--world core]`. Of each attribute the first phrase is the
 * default, left unsaid. Backgrounds between two colours are left out: there are 325, and one of the 26 names is near.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { loadWorld } from './icons.ts'
import { keys } from './uniform.ts'
import {
  COLOURS,
  FRAME_COLOURS,
  PLAIN,
  POSITIONS,
  phrasesOf,
  type Scene,
  SIZES,
  TINTS,
  TONES,
  TREATMENTS,
  TURNS,
} from './world.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { world: { type: 'string', default: 'core' } },
})
const file = positionals[0]!
const world = await loadWorld(values.world)
const scene: Scene = { ...PLAIN, thing: 'dog-face', style: 'flat' }
const usual = <Name extends keyof Scene>(attribute: Name, choices: readonly Scene[Name][]) =>
  choices.map((value) => phrasesOf(attribute, { ...scene, [attribute]: value })[0]!)

const bank = {
  things: usual('thing', world.things),
  attributes: [
    { said: 'always', phrases: usual('style', world.styles) },
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
    { said: 'unless first', phrases: usual('tone', TONES) },
    { said: 'unless first', phrases: usual('shadow', [false, true]) },
    { said: 'unless first', phrases: usual('beside', ['none', ...world.things]) },
  ],
}
await mkdir(dirname(file), { recursive: true })
await writeFile(file, `${JSON.stringify(bank, null, 1)}\n`)
