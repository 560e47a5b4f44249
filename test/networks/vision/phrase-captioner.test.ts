import assert from 'node:assert/strict'
import { test } from 'node:test'
import { captionOf, type PhraseBank } from '../../../src/networks/vision/phrase-captioner.ts'
import { tensor } from '../../../src/tensor/tensor.ts'

// A joint space with an axis for each word: what a text names is where it lies.
const WORDS = ['cat', 'dog', 'flat', 'ink', 'small', 'large']
const bank: PhraseBank = {
  things: ['a cat', 'a dog'],
  attributes: [
    { said: 'always', phrases: ['flat style', 'ink style'] },
    { said: 'unless first', phrases: ['large', 'small'] },
  ],
}
const place = (text: string) => WORDS.map((word) => Number(text.includes(word)))
const embed = async (prompts: readonly string[]) =>
  tensor([prompts.length, WORDS.length], Float32Array.from(prompts.flatMap(place)))
const picture = (...amounts: number[]) => tensor([WORDS.length], Float32Array.from(amounts))

test('each attribute is the nearest one, and defaults are left out', async () => {
  const small = await captionOf(picture(0, 1, 0, 1, 1, 0), bank, embed)
  assert.equal(small.full, 'a dog, ink style, small')
  const large = await captionOf(picture(1, 0, 1, 0, 0, 1), bank, embed)
  assert.deepEqual(large, { thing: 'a cat', full: 'a cat, flat style', attributes: ['flat style', 'large'] })
})

test('a variation is described like the original where the difference is slight, and not where it is clear', async () => {
  const original = await captionOf(picture(1, 0, 1, 0, 0, 1), bank, embed)
  const doubtful = picture(1, 0, 0.5, 0.55, 0, 1)
  assert.equal((await captionOf(doubtful, bank, embed)).full, 'a cat, ink style')
  assert.equal((await captionOf(doubtful, bank, embed, original)).full, 'a cat, flat style')
  assert.equal((await captionOf(picture(1, 0, 0, 1, 0, 1), bank, embed, original)).full, 'a cat, ink style')
})
