import assert from 'node:assert/strict'
import { copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { loadT5Tokenizer } from '../../../src/networks/text/t5-tokenizer.ts'
import { loadTokenizer } from '../../../src/networks/text/tokenizer.ts'

interface Case {
  bos: number
  eos: number
  pad: number
  maxLength: number
  texts: [string, number[]][]
}

const fixtures = join(import.meta.dirname, '../../fixtures/tokenizer')
const cases: Record<string, Case> = JSON.parse(await readFile(join(fixtures, 'cases.json'), 'utf8'))

for (const [folder, { texts, ...numbers }] of Object.entries(cases)) {
  test(`tokenizer ${folder} gives the ids of transformers for ${texts.length} texts`, async () => {
    const { encode, comma, ...read } = await loadTokenizer(join(fixtures, folder))
    assert.deepEqual(read, numbers)
    assert.deepEqual(comma, encode(','))
    for (const [text, ids] of texts) assert.deepEqual(encode(text), ids, JSON.stringify(text))
  })
}

test('a long word takes no time worth noticing', async () => {
  const { encode } = await loadTokenizer(join(fixtures, 'eos-pad'))
  const started = performance.now()
  encode('thequickbrownfox'.repeat(400))
  assert.ok(performance.now() - started < 2000)
})

test('a folder without a tokenizer is a sentence for the person', async () => {
  await assert.rejects(loadTokenizer(import.meta.dirname), {
    name: 'UserError',
    message: /vocab\.json and merges\.txt/,
  })
})

test('without the small files it is CLIP as it was published', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'tokenizer-'))
  try {
    for (const name of ['vocab.json', 'merges.txt']) await copyFile(join(fixtures, 'eos-pad', name), join(folder, name))
    const { encode, comma, ...read } = await loadTokenizer(folder)
    const { texts, ...numbers } = cases['eos-pad']!
    assert.deepEqual(read, numbers)
    assert.deepEqual(comma, encode(','))
    for (const [text, ids] of texts) assert.deepEqual(encode(text), ids, JSON.stringify(text))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('T5’s tokenizer gives the ids of transformers', async () => {
  const { length, texts } = JSON.parse(await readFile(join(fixtures, 't5.json'), 'utf8'))
  const { encode, eos, pad } = await loadT5Tokenizer(join(fixtures, 't5'), length)
  for (const [text, ids] of texts) {
    const words = encode(text).slice(0, length - 1)
    const padding = Array<number>(length - 1 - words.length).fill(pad)
    assert.deepEqual([...words, eos, ...padding], ids, JSON.stringify(text))
  }
})

test('a folder without T5’s tokenizer, or with another one, is a sentence for the person', async () => {
  for (const folder of [import.meta.dirname, join(fixtures, 'json-only')]) {
    await assert.rejects(loadT5Tokenizer(folder, 77), { name: 'UserError', message: /tokenizer\.json of T5/ })
  }
})
