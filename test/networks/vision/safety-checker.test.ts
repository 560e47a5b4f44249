import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { openSafetyChecker } from '../../../src/networks/vision/safety-checker.ts'
import { readNumbers, visionFixtures } from './vision-case.ts'

// Real exports of diffusers' safety checker, and its weights in float16, against what it finds in PyTorch.

const { withheld, shown } = await readNumbers()

for (const [name, verdicts] of [
  ['exact', [false, true]],
  ['weights', [false, true]],
  ['always', [false, false]],
  ['never', [true, true]],
] as const) {
  test(`a checker that fires ${name === 'always' || name === 'never' ? name : `at one of two like pictures (${name})`}`, async () => {
    const checker = (await openSafetyChecker(join(visionFixtures, `safety-${name}`)))!
    const found = [await checker.isSafe(withheld!), await checker.isSafe(shown!), await checker.isSafe(withheld!)]
    assert.deepEqual(found, [...verdicts, verdicts[0]])
    await checker.close()
  })
}

test('there is none where the model came without one', async () => {
  assert.equal(await openSafetyChecker(visionFixtures), undefined)
})
