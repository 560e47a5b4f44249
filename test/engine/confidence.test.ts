import assert from 'node:assert/strict'
import { test } from 'node:test'
import { confidence, verdictOf } from '../../src/engine/confidence.ts'

test('a better fit and a likelier direction are more sure', () => {
  const grid = [-1, 0, 0.3, 0.6, 0.9]
  for (const direction of [undefined, -0.5, 0, 0.5, 1]) {
    const found = grid.map((fit) => confidence({ fit, direction }))
    assert.deepEqual(
      found,
      found.toSorted((one, other) => one - other),
    )
    assert.ok(found.every((value) => value > 0 && value < 1))
  }
  assert.ok(confidence({ fit: 0.5, direction: 0.9 }) > confidence({ fit: 0.5, direction: 0 }))
})

test('in words', () => {
  assert.deepEqual([confidence({ fit: 0.9, direction: 0.9 }), confidence({ fit: -3 })].map(verdictOf), ['well', 'not'])
  assert.deepEqual([0, 0.39, 0.5, 0.74, 0.75, 1].map(verdictOf), ['not', 'not', 'partly', 'partly', 'well', 'well'])
})
