/**
 * Writes the captioner's phrase bank: `node phrases.ts FILE`. Of each attribute the first phrase is the default, left unsaid.
 * Backgrounds between two colours or fading are left out: there are hundreds, and one of the 26 names is near.
 */
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Attribute, phrasesOf, SOMETHING } from './names.ts'
import { valuesOf } from './values.ts'

const file = process.argv[2]!
const usual = (attribute: Attribute) => valuesOf(attribute).map((scene) => phrasesOf(attribute, scene)[0]!)
const UNSAID: readonly Attribute[] = [
  'treatment',
  'frame',
  'size',
  'across',
  'down',
  'turn',
  'mirrored',
  'recoloured',
  'tone',
  'shadow',
  'beside',
]

const bank = {
  things: [...usual('thing'), SOMETHING],
  attributes: [
    { said: 'always', phrases: usual('style') },
    {
      said: 'always',
      phrases: usual('background').filter((phrase) => phrase.startsWith('on a') && phrase.endsWith(' background')),
    },
    ...UNSAID.map((attribute) => ({ said: 'unless first', phrases: usual(attribute) })),
  ],
}
await mkdir(dirname(file), { recursive: true })
await writeFile(file, `${JSON.stringify(bank, null, 1)}\n`)
