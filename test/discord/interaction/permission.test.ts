import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BaseInteraction } from 'discord.js'
import { isAgeRestricted } from '../../../src/discord/interaction/permission.ts'

const home = { id: '1', nsfw: true }

/** As much of an interaction as is looked at, where nothing was told of its channel. */
const at = (channel: object | null, channelId = '2', guildId: string | null = '9') =>
  ({
    channel,
    channelId,
    guildId,
    client: {
      channels: {
        cache: new Map([
          ['1', home],
          ['2', channel],
        ]),
      },
    },
  }) as unknown as BaseInteraction
const channel = (nsfw?: boolean) => ({ isThread: () => false, ...(nsfw !== undefined && { nsfw }) })
const thread = (parentId: string | null) => ({ isThread: () => true, parentId })

for (const [where, interaction, expected] of [
  ['an age-restricted channel', at(channel(true)), true],
  ['any other channel', at(channel(false)), false],
  ['a direct message, which says nothing of ages', at(channel(), '2', null), false],
  ['a thread of an age-restricted channel', at(thread('1')), true],
  ['a thread of which the channel is not known', at(thread('7')), false],
  ['a channel that is not known', at(null, '8'), false],
] as const) {
  test(`${where} is ${expected ? 'for adults' : 'for everyone'}`, () => {
    assert.equal(isAgeRestricted(interaction), expected)
  })
}
