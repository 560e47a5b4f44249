import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { guildId, type Loopback, otherGuildId, startLoopback, token, until } from './discord.ts'
import { openSession, type RawSession } from './raw.ts'

let discord: Loopback
before(async () => {
  discord = await startLoopback()
})
after(() => discord.close())

const open: RawSession[] = []
afterEach(() => {
  for (const session of open.splice(0)) session.drop()
})
async function connect(hello: object = { token }, op?: number): Promise<RawSession> {
  const session = await openSession(discord, hello, op)
  open.push(session)
  return session
}

test('a session starts with the servers, and its heartbeats are answered', async () => {
  const session = await connect()
  const ready = await session.seen<{ guilds: object[] }>('READY')
  assert.deepEqual(ready.guilds, [
    { id: guildId, unavailable: true },
    { id: otherGuildId, unavailable: true },
  ])
  await session.seen('GUILD_CREATE', otherGuildId)
  session.send(1, 3)
  await until(() => session.received.some(({ op }) => op === 11), 'the answer to a heartbeat')
  assert.deepEqual(
    session.received.flatMap(({ s }) => s ?? []),
    [1, 2, 3],
  )
})

const refused: [string, object, number, number][] = [
  ['a wrong token', { token: 'wrong' }, 2, 4004],
  ['a wrong token to resume with', { token: 'wrong' }, 6, 4004],
  ['the intent to read every message', { token, intents: 1 | (1 << 15) }, 2, 4014],
  ['the intent to know every member', { token, intents: 1 | (1 << 1) }, 2, 4014],
  ['anything before it identifies itself', {}, 3, 4003],
]
for (const [what, hello, op, code] of refused) {
  test(`${what} ends a connection with ${code}`, async () => {
    assert.equal(await (await connect(hello, op)).closed, code)
  })
}

test('who identifies itself twice is put out', async () => {
  const session = await connect()
  session.send(2, { token })
  assert.equal(await session.closed, 4005)
})

test('without the intent for servers nothing is told of them', async () => {
  const session = await connect({ token, intents: 0 })
  await session.seen('READY')
  discord.deny('300000000000000001', 'send')
  discord.allow('300000000000000001')
  const { id } = discord.slash('analogy', {})
  await session.seen('INTERACTION_CREATE', id)
  assert.deepEqual(
    session.received.flatMap(({ t }) => t ?? []),
    ['READY', 'INTERACTION_CREATE'],
  )
})

test('whoever resumes gets what it has missed, and goes on', async () => {
  const first = await connect()
  const { session_id } = await first.seen('READY')
  await first.seen('GUILD_CREATE', otherGuildId)
  discord.cut()
  await first.closed
  const { id } = discord.slash('analogy', {})
  const second = await connect({ token, session_id, seq: 3 }, 6)
  await second.seen('RESUMED')
  assert.deepEqual(
    second.received.flatMap(({ t, s }) => (t ? [[t, s]] : [])),
    [
      ['INTERACTION_CREATE', 4],
      ['RESUMED', 5],
    ],
  )
  await second.seen('INTERACTION_CREATE', id)
  const next = discord.slash('analogy', {})
  await second.seen('INTERACTION_CREATE', next.id)
})

test('a session that is not known, not at that place, or over can not be resumed', async () => {
  const unknown = await connect({ token, session_id: 'unknown', seq: 0 }, 6)
  assert.equal(await unknown.seen(9), false)
  const session = await connect()
  const { session_id } = await session.seen('READY')
  assert.equal(await (await connect({ token, session_id, seq: 99 }, 6)).closed, 4007)
  discord.invalidate(false)
  assert.equal(await session.seen(9), false)
  const late = await connect({ token, session_id, seq: 1 }, 6)
  assert.equal(await late.seen(9), false)
})

test('Discord can ask to reconnect, and end a session for good', async () => {
  const session = await connect()
  await session.seen('READY')
  discord.askToReconnect()
  assert.equal(await session.seen(7), null)
  discord.kick(4004)
  assert.equal(await session.closed, 4004)
})

test('a person cannot use a bot that nobody runs', async () => {
  const other = await startLoopback()
  assert.throws(() => other.slash('analogy', {}), /No bot is connected/)
  other.removeBot(guildId)
  await other.close()
})
