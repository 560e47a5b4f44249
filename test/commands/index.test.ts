import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commands } from '../../commands/index.ts'
import { checkDefinition } from '../loopback/definition-rules.ts'

const repeated = (words: readonly string[]) => words.filter((word, index) => words.indexOf(word) !== index)

test('Discord accepts every definition as a global command, and no name is there twice', () => {
  for (const { data } of commands) checkDefinition(data as never, true)
  assert.deepEqual(repeated(commands.map(({ data }) => data.name)), [])
})

test('no two commands own the same button, menu or form, and no word has a colon', () => {
  const words = commands.flatMap(({ actions = {} }) => Object.keys(actions))
  assert.deepEqual(repeated(words), [])
  assert.ok(words.length > 10)
  assert.ok(words.every((word) => /^[a-z-]{1,30}$/.test(word)))
})

test('all but the settings of a server work wherever people are, with the bot or without it', () => {
  for (const { data } of commands) {
    const isOfServers = data.name === 'settings'
    assert.deepEqual(data.contexts, isOfServers ? [0] : [0, 1, 2], data.name)
    assert.deepEqual(data.integration_types, isOfServers ? [0] : [0, 1], data.name)
  }
})
