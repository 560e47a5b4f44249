import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, Events, GatewayIntentBits } from 'discord.js'
import { watchPresence } from '../../../src/discord/gateway/presence.ts'
import { save } from '../../commands/whispers.ts'
import { startBot } from '../../loopback/bot.ts'
import { guildId, type Loopback, otherGuildId, startLoopback, token, until } from '../../loopback/discord.ts'

let discord: Loopback
before(async () => {
  discord = await startLoopback()
})
after(() => discord.close())

test('the store hears in order who is there, who leaves and who comes back, and nothing of an outage', async () => {
  const calls: string[] = []
  const log: string[] = []
  const client = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api: discord.apiUrl } })
  const store = {
    // As slow as can be: by then all that follows has been heard of.
    syncServers: async (servers: readonly string[]) => {
      await until(() => heard === 3, 'two servers that leave, and one that comes')
      calls.push(`there: ${[...servers].sort()}`)
    },
    leave: async (scope: string) => {
      await new Promise(setImmediate)
      calls.push(`left: ${scope}`)
    },
    markReturned: async (scope: string) => {
      calls.push(`back: ${scope}`)
      throw new Error('The disk is full.')
    },
  }
  let heard = 0
  for (const event of [Events.GuildCreate, Events.GuildDelete] as const) client.on(event, () => heard++)
  watchPresence(client, store, (line) => log.push(line))
  await client.login(token)
  await until(() => client.isReady(), 'the session')
  discord.outage(guildId)
  discord.bringBack(guildId)
  discord.removeBot(otherGuildId)
  discord.bringBack(otherGuildId)
  discord.removeBot(otherGuildId)
  await until(() => calls.length >= 4, 'four calls')
  await client.destroy()
  discord.bringBack(otherGuildId)
  assert.deepEqual(calls, [
    `there: ${[guildId, otherGuildId]}`,
    `left: ${otherGuildId}`,
    `back: ${otherGuildId}`,
    `left: ${otherGuildId}`,
  ])
  assert.match(log.join('\n'), /^Joining or leaving a server could not be recorded: .*The disk is full\./)
})

test('what a server had is deleted a month after the bot was removed, even while it did not run', async () => {
  const dataDirectory = mkdtempSync(join(tmpdir(), 'isto-'))
  const start = () => startBot({ discord, dataDirectory })
  let bot = await start()
  /** What is left when a month has gone by, once that is `expected`. */
  const becomes = async (expected: readonly string[]) => {
    const left = async () => {
      await bot.store.sweep(Date.now() + 31 * 24 * 60 * 60_000)
      const lists = await Promise.all([guildId, otherGuildId].map((scope) => bot.store.differences.list(scope)))
      return lists.flat().map(({ name }) => name)
    }
    const deadline = Date.now() + 10_000
    while (String(await left()) !== String(expected) && Date.now() < deadline) await sleep(20)
    assert.deepEqual(await left(), expected)
  }
  await save(bot.store, guildId, 'First')
  await save(bot.store, otherGuildId, 'Second')
  await becomes(['First', 'Second'])
  discord.removeBot(otherGuildId)
  await becomes(['First'])

  await bot.stop()
  discord.bringBack(otherGuildId)
  bot = await start()
  await save(bot.store, otherGuildId, 'Third')
  await bot.stop()
  discord.removeBot(guildId)
  bot = await start()
  await becomes(['Third'])
  await bot.stop()
  rmSync(dataDirectory, { recursive: true })
})
