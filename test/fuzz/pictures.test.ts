import assert from 'node:assert/strict'
import { afterEach, before, beforeEach, test } from 'node:test'
import { type BasePicture, basePictures } from './base-pictures.ts'
import { factor } from './dice.ts'
import { hostilePictures } from './hostile-pictures.ts'
import { mutatedPicture } from './mutated-pictures.ts'
import { type Ordeal, startOrdeal } from './trial.ts'

let ordeal: Ordeal
let bases: BasePicture[]
before(async () => {
  bases = await basePictures()
})
beforeEach(() => {
  ordeal = startOrdeal('inside')
})
afterEach(() => ordeal.close())

test('the pictures that are mutated are sound', async () => {
  await ordeal.endure(
    bases.map(({ format, kind, bytes }) => ({ name: `${format} ${kind}`, kind: 'picture', bytes, expected: 'valid' })),
  )
})

test('1,300 mutated pictures end as a picture or as a sentence', { timeout: 300_000 }, async () => {
  const outcomes = await ordeal.endure(mutated(1300 * factor))
  const valid = outcomes.filter(({ type }) => type === 'valid').length
  assert.ok(valid > 100 && outcomes.length - valid > 500, `${valid} of ${outcomes.length} could be read`)
})

test('pictures made to do harm do none', { timeout: 300_000 }, async () => {
  await ordeal.endure(hostilePictures())
})

/** One at a time. */
function* mutated(count: number) {
  for (let index = 0; index < count; index++) yield mutatedPicture(bases, index)
}
