import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { commands } from '../../commands/index.ts'
import type { FollowUp } from '../../src/discord/delivery/result-action.ts'
import { connect } from '../../src/discord/gateway/connect.ts'
import { groupOf, isOurs, requestsPerSecond, type Shards } from '../../src/discord/gateway/shards.ts'
import { fetchAttachment } from '../../src/discord/interaction/attachments.ts'
import { openBoss } from '../../src/jobs/boss.ts'
import { serve } from '../../src/jobs/serve.ts'
import { createSharedQueue } from '../../src/jobs/shared-queue.ts'
import type { Run } from '../../src/jobs/worker-client.ts'
import { openSharedStore } from '../../src/store/open.ts'
import { openPostgres } from '../../src/store/postgres.ts'
import { answerTo, savedAs } from '../commands/whispers.ts'
import { result } from '../jobs/test-queue.ts'
import {
  guildId,
  type Loopback,
  otherGuildId,
  owner,
  startLoopback,
  stranger,
  textOf,
  token,
  until,
} from '../loopback/discord.ts'
import { skipped, startPostgres, type TestPostgres } from '../postgres.ts'

// What breaks when several processes answer one bot's servers, if each believes to be alone.

const count = 8
/** Direct messages, and no server of the loopback. */
const without: Shards = { ids: [0], count }
/** Both servers of the loopback. */
const withServers: Shards = { ids: [4], count }
/** A server of the first process, which the bot left while it was offline. */
const leftServer = String(8n << 22n)

async function startBot(discord: Loopback, url: string, shards: Shards) {
  const log = (line: string) => void line
  const postgres = await openPostgres(url)
  const store = await openSharedStore(postgres)
  const boss = await openBoss({ postgres, isKeeper: true, log })
  const queue = createSharedQueue<FollowUp>({
    postgres,
    boss,
    log,
    group: groupOf(shards),
    owns: (scope) => isOurs(shards, scope),
    pollMilliseconds: 200,
  })
  const connection = await connect({
    token,
    apiUrl: discord.apiUrl,
    commands,
    shards,
    log,
    exclusively: postgres.exclusively,
    onLost: log,
    services: {
      queue,
      store,
      models: { names: ['emoji'], usual: 'emoji' },
      fetchAttachment: (label, attachment, kind) =>
        fetchAttachment(label, attachment, { origins: [discord.origin], kind }),
    },
  })
  await queue.open(connection.notifier)
  return {
    queue,
    store,
    notifier: connection.notifier,
    stop: async () => {
      await queue.park()
      await connection.notifier.close()
      await connection.close()
      await postgres.close()
    },
  }
}

/** A worker whose jobs never end. */
async function startWorker(url: string) {
  const log = () => {}
  const postgres = await openPostgres(url)
  const boss = await openBoss({ postgres, isKeeper: false, log })
  const run: Run = async (_, { signal } = {}) => {
    await sleep(1e9, undefined, { signal, ref: false })
    return result('emoji')
  }
  const serving = await serve({
    postgres,
    boss,
    log,
    name: 'worker',
    device: 'cpu',
    models: [{ name: 'emoji', hash: '' }],
    run,
  })
  return {
    stop: async () => {
      await serving.stop()
      await postgres.close()
    },
  }
}

describe('two bot processes', { skip: skipped, timeout: 120_000 }, () => {
  let discord: Loopback
  let server: TestPostgres
  let url: string
  let bots: Awaited<ReturnType<typeof startBot>>[]
  let worker: Awaited<ReturnType<typeof startWorker>>
  before(async () => {
    discord = await startLoopback()
    server = await startPostgres()
    url = await server.create()
    const store = await openSharedStore(await openPostgres(url))
    for (const scope of [guildId, otherGuildId, leftServer]) await store.differences.save(scope, savedAs('First'))
    await store.close()
    discord.removeBot(otherGuildId)
    bots = await Promise.all([without, withServers].map((shards) => startBot(discord, url, shards)))
    worker = await startWorker(url)
  })
  after(async () => {
    await worker.stop()
    for (const { stop } of bots) await stop()
    await discord.close()
    await server.close()
  })

  test('commands are registered once, though both start at once', () => {
    assert.equal(discord.requests.filter((line) => /^PUT .*commands$/.test(line)).length, 1)
  })

  test('each tells which of its own servers it left: those of the other keep what they have', async () => {
    const left = async () => {
      for (const { store } of bots) await store.sweep(Date.now() + 31 * 24 * 60 * 60_000)
      const scopes = [guildId, otherGuildId, leftServer]
      const lists = await Promise.all(scopes.map((scope) => bots[0]!.store.differences.list(scope)))
      return scopes.filter((_, index) => lists[index]!.length > 0)
    }
    // Until the roll call of each is done.
    await until(async () => (await left()).length < 2, 'the data of two servers to be deleted')
    assert.deepEqual(await left(), [guildId])
  })

  test('one posts in a channel of the other’s servers, where that is the way to the person', async () => {
    const attach = (byte: number) => discord.attach(Uint8Array.of(byte))
    const sent = discord.slash('analogy', { a: attach(1), a2: attach(2), b: attach(3) })
    const [one, other] = [bots[0]!, bots[1]!]
    await until(async () => (await other.queue.positions(guildId)).length === 1, 'a job')
    const { ticket } = (await other.queue.positions(guildId))[0]!
    const { followUp } = ticket
    const old = { ...ticket, followUp: { ...followUp, target: { ...followUp.target, expiresAt: 0 } } }
    await one.notifier.onEnd(old, { type: 'stopped', reason: 'Told by the other process.' })
    assert.equal(textOf(sent.message!), 'Told by the other process.')
    assert.equal(await one.store.notes.take(owner.id), undefined)
    await other.queue.cancel(ticket.id, 'It is over.')
    await until(() => textOf(sent.message!) === 'It is over.', 'the end of the job')
  })

  test('a note that one leaves is told by the other, once', async () => {
    await bots[0]!.store.notes.put(owner.id, 'Your last result could not be posted.')
    const isNote = (text: string) => text === 'Your last result could not be posted.'
    const first = discord.slash('queue', {})
    await until(() => first.followUps.some((one) => isNote(textOf(one))), 'the note')
    assert.match(textOf(first.message!), /One worker \(1 on cpu\), 0 at work\./)
    assert.doesNotMatch(textOf(await answerTo(discord.slash('queue', {}))), /could not be posted/)
    await bots[0]!.store.notes.put(stranger.id, 'Once.')
    const takers = [0, 1, 0, 1].map((index) => bots[index]!.store.notes.take(stranger.id))
    assert.equal((await Promise.all(takers)).filter(Boolean).length, 1)
  })
})

test('all processes together send no more requests a second than Discord allows a bot', () => {
  assert.equal(requestsPerSecond('auto'), 50)
  for (const [shards, each] of [
    [16, 4],
    [7, 2],
    [50, 1],
    [3, 2],
  ] as const) {
    const firsts = Array.from({ length: Math.ceil(shards / each) }, (_, index) => index * each)
    const ids = firsts.map((first) => Array.from({ length: Math.min(each, shards - first) }, (_, at) => first + at))
    const all = ids.map((some) => requestsPerSecond({ ids: some, count: shards }))
    assert.ok(all.reduce((sum, one) => sum + one) <= 50, `${all}`)
    assert.ok(all.every((one) => one >= 1))
  }
})
