import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type BaseDifference, baseDifferences, putTogether } from './base-differences.ts'
import { factor } from './dice.ts'
import { mutatedDifference } from './mutated-differences.ts'
import { type Ordeal, startOrdeal } from './trial.ts'

let ordeal: Ordeal
let bases: readonly BaseDifference[]
before(async () => {
  ordeal = startOrdeal('inside')
  bases = await baseDifferences()
})
after(() => ordeal.close())

test('the difference files that are mutated are sound', async () => {
  await ordeal.endure(
    bases.map(({ kind, file, fits }) => ({
      name: kind,
      kind: 'difference',
      bytes: putTogether(file),
      expected: fits ? 'valid' : 'refused',
    })),
  )
})

test('1,300 mutated files end as a difference or as a sentence', { timeout: 300_000 }, async () => {
  const outcomes = await ordeal.endure(mutated(1300 * factor))
  const valid = outcomes.filter(({ type }) => type === 'valid').length
  assert.ok(valid > 100 && outcomes.length - valid > 500, `${valid} of ${outcomes.length} could be read`)
})

/** One at a time. */
function* mutated(count: number) {
  for (let index = 0; index < count; index++) yield mutatedDifference(bases, index)
}
