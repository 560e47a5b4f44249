import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Caption, JointSpace, Variation } from '../../src/diffusion/model.ts'
import { nameDifference, unsaid } from '../../src/engine/naming.ts'
import { concatenate } from '../../src/tensor/math.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

// Each word is a direction of its own; a caption is the sum of its words, far from the origin.

const WORDS = ['dog', 'cat', 'red', 'blue', 'small', 'large', 'base']
const embed = (text: string) =>
  tensor(
    [WORDS.length],
    Float32Array.from(WORDS, (word) => (text.includes(word) ? 1 : 0) + (word === 'base' ? 6 : 0)),
  )
const joint: JointSpace = {
  embedText: async (prompt) => embed(prompt),
  embedTexts: async (prompts) => concatenate(prompts.map((prompt) => tensor([1, WORDS.length], embed(prompt).data))),
  textGradient: async (_prompt, tokens) => tokens,
  embedPicture: async () => embed(''),
}
const captioned = (thing: string, ...attributes: string[]): Caption => ({
  thing,
  attributes,
  full: [thing, ...attributes].join(', '),
})
const BANK = [
  ['red', 'blue'],
  ['small', 'large'],
]
const variations = ({ thing, attributes }: Caption): Variation[] => [
  ...['dog', 'cat']
    .filter((each) => each !== thing)
    .map((phrases) => ({ phrases, attribute: -1, caption: captioned(phrases, ...attributes) })),
  ...BANK.flatMap((phrases, attribute) =>
    phrases
      .filter((each) => each !== attributes[attribute])
      .map((each) => ({
        phrases: each,
        attribute,
        caption: captioned(thing, ...attributes.map((said, index) => (index === attribute ? each : said))),
      })),
  ),
]
const a = captioned('dog', 'red', 'small')
const moved = (to: Tensor) =>
  tensor(
    to.dims,
    to.data.map((value, index) => value - embed(a.full).data[index]!),
  )
const named = (to: string, own: Parameters<typeof nameDifference>[3] = []) =>
  nameDifference({ joint, variations }, moved(embed(to)), a, own)

test('a difference is named by the phrase that moves the text as the picture moved', async () => {
  const [first, second] = await named('dog, blue, small')
  assert.equal(first!.phrases, 'blue')
  assert.ok(first!.likeness > 0.9 && second!.likeness < first!.likeness)
  assert.equal((await named('cat, red, small'))[0]!.phrases, 'cat')
})

test('two changes at once are named by two phrases, one change by one', async () => {
  assert.equal((await named('dog, blue, large'))[0]!.phrases, 'blue, large')
  assert.equal((await named('cat, red, large'))[0]!.phrases, 'cat, large')
})

test('what no phrase says is like none', async () => {
  const [first] = await nameDifference({ joint, variations }, tensor([7], Float32Array.of(0, 0, 0, 0, 0, 0, -1)), a, [])
  assert.ok(first!.likeness < 0.5, `${first!.likeness}`)
})

test('the captioner’s own words are kept where they are as good', async () => {
  const own = [{ phrases: 'blue, and nothing else', caption: captioned('dog', 'blue', 'small') }]
  assert.equal((await named('dog, blue, small', own))[0]!.phrases, 'blue, and nothing else')
  assert.equal((await named('dog, red, large', own))[0]!.phrases, 'large')
})

test('what a difference says is said as A has it, where the difference is undone', () => {
  const seen = captioned('cat', 'blue', 'large')
  const undone = (name: string) => unsaid(variations, seen, { name, captions: { a: 'dog, red, small' } }).full
  assert.equal(undone('blue'), 'cat, red, large')
  assert.equal(undone('cat, large'), 'dog, blue, small')
  assert.equal(undone('red'), 'cat, blue, large')
  assert.equal(unsaid(variations, seen, {}).full, seen.full)
})
