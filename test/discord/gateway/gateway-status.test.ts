import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client, Events, GatewayIntentBits } from 'discord.js'
import { watchGatewayStatus } from '../../../src/discord/gateway/gateway-status.ts'
import { startLoopback, token, until } from '../../loopback/discord.ts'

test('a session that breaks is lost until it stands again', { timeout: 60_000 }, async () => {
  const discord = await startLoopback()
  const client = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api: discord.apiUrl } })
  try {
    const gatewayStatus = watchGatewayStatus(client)
    const ready = new Promise((resolve) => client.once(Events.ClientReady, resolve))
    await client.login(token)
    await ready
    assert.deepEqual(gatewayStatus(), {})

    for (const [breakIt, count] of [
      [discord.cut, () => discord.sessions().resumed],
      [() => discord.invalidate(false), () => discord.sessions().identified],
    ] as const) {
      const [before, brokenAt] = [count(), Date.now()]
      const lost = new Promise<number | undefined>((resolve) =>
        client.once(Events.ShardReconnecting, () => setImmediate(() => resolve(gatewayStatus().lostAt))),
      )
      breakIt()
      const lostAt = await lost
      assert.ok(lostAt && lostAt >= brokenAt && lostAt <= Date.now(), `lost at ${lostAt}`)
      await until(() => count() > before && gatewayStatus().lostAt === undefined, 'the session')
    }
  } finally {
    await client.destroy()
    await discord.close()
  }
})
