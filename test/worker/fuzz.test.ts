import assert from 'node:assert/strict'
import { test } from 'node:test'
import { baseDifferences } from '../fuzz/base-differences.ts'
import { basePictures } from '../fuzz/base-pictures.ts'
import { mutatedDifference } from '../fuzz/mutated-differences.ts'
import { mutatedPicture } from '../fuzz/mutated-pictures.ts'
import { startOrdeal } from '../fuzz/trial.ts'

test('the worker child survives such files, and says of them what is said without it', {
  timeout: 300_000,
}, async () => {
  const [differences, pictures] = [await baseDifferences(), await basePictures()]
  const cases = Array.from({ length: 48 }, (_, index) => [
    mutatedPicture(pictures, index),
    mutatedDifference(differences, index),
  ]).flat()
  const [inside, child] = [startOrdeal('inside'), startOrdeal('through the child')]
  try {
    const outcomes = await child.endure(cases)
    assert.deepEqual(outcomes, await inside.endure(cases))
    assert.deepEqual([...new Set(outcomes.map(({ type }) => type))].sort(), ['refused', 'valid'])
  } finally {
    await Promise.all([inside.close(), child.close()])
  }
})
