import assert from 'node:assert/strict'
import { test } from 'node:test'
import { shorten } from '../../../src/discord/message/shorten.ts'

test('a text that fits stays; a longer one ends in an ellipsis, without half an emoji or a space before it', () => {
  assert.equal(shorten('abcd', 4), 'abcd')
  assert.equal(shorten('abcde', 4), 'abc…')
  assert.equal(shorten('ab cd', 4), 'ab…')
  assert.equal(shorten('ab😀cd', 4), 'ab…')
  assert.equal(shorten('ab😀cd', 5), 'ab😀…')
})
