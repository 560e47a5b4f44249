import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { commands } from '../../../commands/index.ts'
import { type ConnectOptions, connect } from '../../../src/discord/gateway/connect.ts'
import { UserError } from '../../../src/errors.ts'
import { createQueue } from '../../../src/jobs/queue.ts'
import { openStore } from '../../../src/store/open.ts'
import { startLoopback, token, until } from '../../loopback/discord.ts'
import { ApiError } from '../../loopback/rules.ts'

const folder = mkdtempSync(join(tmpdir(), 'isto-'))
const store = await openStore(folder)
after(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

/** A bot on a Discord that is there, or will be. */
function start(apiUrl: string, given: Partial<ConnectOptions> = {}) {
  const log: string[] = []
  const queue = createQueue({ run: () => Promise.reject(new Error()), tickets: store.tickets, log: () => {} })
  const services = {
    queue: queue as ConnectOptions['services']['queue'],
    store,
    models: { names: ['emoji'], usual: 'emoji' },
    fetchAttachment: () => Promise.reject(new Error()),
  }
  const connection = connect({
    token,
    apiUrl,
    commands,
    services,
    onLost: () => {},
    log: (line: string) => log.push(line),
    pauseMilliseconds: 20,
    ...given,
  })
  return { log, connection }
}

test('a bot that starts without network, or while Discord is down, starts as soon as it can', async () => {
  const first = await startLoopback()
  const port = Number(new URL(first.origin).port)
  await first.close()
  const { log, connection } = start(first.apiUrl)
  await until(() => log.length > 1, 'two attempts')
  assert.match(log[0]!, /^Discord can’t be reached.*Trying again in 1 s\.$/)
  const discord = await startLoopback({ port })
  for (const line of [/^GET applications/, /^GET gateway/]) {
    for (let times = 0; times < 4; times++) discord.refuseNext(line, new ApiError(503, 0, 'upstream connect error'))
  }
  const { greeting, close } = await connection
  assert.match(
    greeting,
    /^isto is on Discord\. Add it to a server: \S+permissions=\d+ or to an account: \S+integration_type=1$/,
  )
  await close()
  await discord.close()
})

test('what an admin has to mend is final', async () => {
  const discord = await startLoopback()
  const { log, connection } = start(discord.apiUrl, { token: 'wrong' })
  await assert.rejects(connection, (error) => error instanceof UserError && /DISCORD_TOKEN/.test(error.message))
  assert.deepEqual(log, [])
  await discord.close()
})

test('a start that Discord makes wait says so', async () => {
  const discord = await startLoopback()
  discord.refuseNext(/^GET applications/, new ApiError(429, 0, 'You are being rate limited.'), 6)
  const { log, connection } = start(discord.apiUrl)
  await until(() => log.length > 0, 'a line')
  assert.match(log[0]!, /^Discord limits the rate of requests \(GET .*\): waiting 6 s\.$/)
  const { close } = await connection
  await close()
  await discord.close()
})
