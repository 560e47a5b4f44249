import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BaseInteraction } from 'discord.js'
import { isAgeRestricted } from '../../../src/discord/interaction/permission.ts'

/** As much of an interaction as is looked at. */
const at = (channel: object | null) => ({ channel }) as BaseInteraction
const channel = (nsfw?: boolean) => ({ isThread: () => false, ...(nsfw !== undefined && { nsfw }) })
const thread = (parent: object | null) => ({ isThread: () => true, parent })

for (const [where, channelOf, expected] of [
  ['an age-restricted channel', channel(true), true],
  ['any other channel', channel(false), false],
  ['a direct message, which says nothing of ages', channel(), false],
  ['a thread of an age-restricted channel', thread(channel(true)), true],
  ['a thread of any other channel', thread(channel(false)), false],
  ['a thread of which the channel is not known', thread(null), false],
  ['a channel that is not known', null, false],
] as const) {
  test(`${where} is ${expected ? 'for adults' : 'for everyone'}`, () => {
    assert.equal(isAgeRestricted(at(channelOf)), expected)
  })
}
