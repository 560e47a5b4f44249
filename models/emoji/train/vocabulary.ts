/** Writes `tokenizer/` in CLIP's byte-pair format, one token for every word a caption can hold: `node vocabulary.ts DIR`. */
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { PROMPT_LENGTH } from './caption.ts'
import { ATTRIBUTES, phrasesOf, SOMETHING } from './names.ts'
import { valuesOf } from './values.ts'

const folder = process.argv[2]!
const merges = mergesFor(captionWords())
const vocabulary = [
  ...byteSymbols(),
  ...byteSymbols().map((symbol) => `${symbol}</w>`),
  ...merges.map(([left, right]) => left + right),
  '<|startoftext|>',
  '<|endoftext|>',
]

await mkdir(folder, { recursive: true })
await writeFile(
  join(folder, 'vocab.json'),
  JSON.stringify(Object.fromEntries(vocabulary.map((symbol, id) => [symbol, id]))),
)
await writeFile(join(folder, 'merges.txt'), `#version: 0.2\n${merges.map((pair) => pair.join(' ')).join('\n')}\n`)
const special = {
  bos_token: '<|startoftext|>',
  eos_token: '<|endoftext|>',
  unk_token: '<|endoftext|>',
  pad_token: '<|endoftext|>',
}
await writeFile(join(folder, 'special_tokens_map.json'), JSON.stringify(special, null, 2))
await writeFile(
  join(folder, 'tokenizer_config.json'),
  JSON.stringify(
    { ...special, model_max_length: PROMPT_LENGTH, tokenizer_class: 'CLIPTokenizer', do_lower_case: true },
    null,
    2,
  ),
)

function captionWords(): string[] {
  const phrases = ATTRIBUTES.flatMap((attribute) => valuesOf(attribute).flatMap((scene) => phrasesOf(attribute, scene)))
  return [...new Set(['an', 'and', 'the', 'with', SOMETHING, ...phrases.flatMap((phrase) => phrase.split(' '))])].sort()
}

/** Merges so ordered that each word becomes one token: what earlier merges leave of a word is joined from the left. */
function mergesFor(words: readonly string[]): [string, string][] {
  const merges: [string, string][] = []
  for (const word of words) {
    const symbols = [...word.slice(0, -1), `${word.at(-1)}</w>`]
    for (const [left, right] of merges) {
      for (let index = 0; index + 1 < symbols.length; index++) {
        if (symbols[index] === left && symbols[index + 1] === right) symbols.splice(index, 2, left + right)
      }
    }
    while (symbols.length > 1) {
      merges.push([symbols[0]!, symbols[1]!])
      symbols.splice(0, 2, symbols[0]! + symbols[1]!)
    }
  }
  return merges
}

/** CLIP's printable stand-ins for the 256 bytes, in its order. */
function byteSymbols(): string[] {
  const printable = [...range(33, 127), ...range(161, 173), ...range(174, 256)]
  const rest = range(0, 256).filter((byte) => !printable.includes(byte))
  return [
    ...printable.map((byte) => String.fromCharCode(byte)),
    ...rest.map((_, index) => String.fromCharCode(256 + index)),
  ]
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index)
}
