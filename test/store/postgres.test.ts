import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import { openSharedStore, type Store } from '../../src/store/open.ts'
import { openPostgres } from '../../src/store/postgres.ts'
import { until } from '../loopback/discord.ts'
import { skipped, startPostgres, type TestPostgres } from '../postgres.ts'
import { filled } from './child.ts'
import { describeStore } from './suite.ts'

describe('Postgres', { skip: skipped }, async () => {
  let started: Promise<TestPostgres> | undefined
  const postgres = () => (started ??= startPostgres())
  after(async () => (await started)?.close())
  const openAt = async (url: string) => openSharedStore(await openPostgres(url))

  describeStore('a store in Postgres', () => {
    let url: string | undefined
    return async (options) => {
      url ??= await (await postgres()).create()
      return openSharedStore(await openPostgres(url), options)
    }
  })

  /** Two processes, as far as a store can tell. */
  async function both(work: (one: Store, other: Store) => Promise<void>) {
    const url = await (await postgres()).create()
    const [one, other] = await Promise.all([openAt(url), openAt(url)])
    try {
      await work(one, other)
    } finally {
      await Promise.all([one.close(), other.close()])
    }
  }

  test('what one process sets, the other sees at once', () =>
    both(async (one, other) => {
      await one.settings.change('1', { personLimit: 1 })
      assert.equal((await other.settings.get('1')).personLimit, 1)
      await other.settings.change('1', { personLimit: 3 })
      assert.equal((await one.settings.get('1')).personLimit, 3)
    }))

  test('one name is saved by one of two processes that try at once', () =>
    both(async (one, other) => {
      for (let round = 0; round < 10; round++) {
        const name = `d${round}`
        const tries = await Promise.allSettled([one, other].map((store) => store.differences.save('1', filled(name))))
        assert.deepEqual(tries.map(({ status }) => status).sort(), ['fulfilled', 'rejected'])
      }
      assert.equal((await one.differences.list('1')).length, 10)
    }))

  test('a roll call in one process leaves the servers of another alone', () =>
    both(async (one, other) => {
      for (const server of ['1', '2']) await one.settings.change(server, { personLimit: 1 })
      await one.syncServers(['1'], 0, (server) => server === '1')
      await other.syncServers(['2'], 0, (server) => server === '2')
      await other.sweep(1e15)
      assert.equal((await one.settings.get('1')).personLimit, 1)
      assert.equal((await one.settings.get('2')).personLimit, 1)
    }))

  test('a server that came back in one process is not forgotten by the other', () =>
    both(async (one, other) => {
      await one.settings.change('1', { personLimit: 1 })
      await one.leave('1', 0)
      await other.settings.get('1')
      await one.markReturned('1')
      await other.sweep(1e15)
      assert.equal((await one.settings.get('1')).personLimit, 1)
    }))

  test('all channels share a connection; when it breaks, each is told that it may have missed something', async () => {
    const shared = await openPostgres(await (await postgres()).create())
    const heard: string[] = []
    const stop = await shared.listen('a', (payload) => heard.push(`a ${payload}`))
    await shared.listen('b', (payload) => heard.push(`b ${payload}`))
    const notify = (channel: string) => shared.query('SELECT pg_notify($1, $2)', [channel, 'hello'])
    for (const channel of ['a', 'b']) await notify(channel)
    await until(() => heard.length === 2, 'both messages')
    const listening = () =>
      shared.query(`SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE query LIKE 'LISTEN%' AND datname = current_database()`)
    assert.equal((await listening()).length, 1)
    await until(() => heard.length === 4, 'both to be told')
    await stop()
    for (const channel of ['a', 'b']) await notify(channel)
    await until(() => heard.length === 5, 'the last message')
    assert.deepEqual(heard, ['a hello', 'b hello', 'a ', 'b ', 'b hello'])
    await shared.close()
  })

  test('a key is held over a broken connection, unless another process has it by then', async () => {
    const url = await (await postgres()).create()
    const [one, other] = await Promise.all([openPostgres(url), openPostgres(url)])
    const breakHolder = () =>
      one.query(`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted`)
    const locks = async (isGranted: boolean) =>
      (await one.query(`SELECT FROM pg_locks WHERE locktype = 'advisory' AND granted = $1`, [isGranted])).length
    let lost = 0
    await one.hold('bot', () => lost++)
    await breakHolder()
    await until(async () => (await locks(true)) === 0, 'the key to be free')
    await until(async () => (await locks(true)) === 1, 'the key to be held again')
    assert.equal(lost, 0)
    const held = other.hold('bot', () => {})
    await until(async () => (await locks(false)) === 1, 'another to wait')
    await breakHolder()
    await held
    await until(() => lost === 1, 'the loss')
    await Promise.all([one.close(), other.close()])
  })

  test('where it can’t be reached, one sentence says so, and all goes on when it is back', {
    timeout: 60_000,
  }, async () => {
    await assert.rejects(openPostgres('postgres://isto@127.0.0.1:9/isto'), /DATABASE_URL.*reached/)
    const server = await postgres()
    const store = await openAt(await server.create())
    await store.settings.change('1', { personLimit: 2 })
    await server.kill()
    await assert.rejects(store.settings.get('1'), /My database can’t be reached right now/)
    await server.start()
    assert.equal((await store.settings.get('1')).personLimit, 2)
    await store.close()
  })
})
