import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, describe, test } from 'node:test'
import { openBoss } from '../../src/jobs/boss.ts'
import { endClaimed } from '../../src/jobs/end-job.ts'
import { jobQueueOf } from '../../src/jobs/queue-names.ts'
import { serve } from '../../src/jobs/serve.ts'
import { tellNews } from '../../src/jobs/shared-news.ts'
import { createSharedQueue } from '../../src/jobs/shared-queue.ts'
import { prepareTables } from '../../src/jobs/ticket-tables.ts'
import type { Run } from '../../src/jobs/worker-client.ts'
import { findForeign, silenceMilliseconds, tellWorker } from '../../src/jobs/workers.ts'
import { openSharedStore } from '../../src/store/open.ts'
import { openPostgres, type Postgres } from '../../src/store/postgres.ts'
import { until } from '../loopback/discord.ts'
import { execute, skipped, startPostgres, type TestPostgres } from '../postgres.ts'
import { describeQueue, type SuiteOptions } from './suite.ts'
import { job, result, ticket, witness } from './test-queue.ts'

let started: Promise<TestPostgres> | undefined
const server = () => {
  started ??= startPostgres()
  return started
}
after(async () => (await started)?.close())

const log = () => {}

async function openBot(url: string, { limits }: Partial<SuiteOptions> = {}, group = 'all') {
  const postgres = await openPostgres(url)
  await prepareTables(postgres)
  const boss = await openBoss({ postgres, isKeeper: true, log })
  const queue = createSharedQueue<unknown>({ postgres, boss, group, log, limits, pollMilliseconds: 200 })
  return {
    queue,
    park: async () => {
      await queue.park()
      await postgres.close()
    },
    // What it does after its connections are gone reaches nobody; parking only ends its timers.
    kill: async () => {
      await postgres.close()
      await queue.park().catch(log)
    },
  }
}

async function openWorker(url: string, run: Run, models = ['emoji']) {
  const postgres = await openPostgres(url)
  const boss = await openBoss({ postgres, isKeeper: false, log })
  const serving = await serve({
    postgres,
    boss,
    run,
    models: models.map((model) => ({ name: model, hash: '' })),
    log,
    name: 'here',
    pollMilliseconds: 200,
  })
  return {
    ...serving,
    stop: async () => {
      await serving.stop()
      await postgres.close()
    },
    kill: async () => {
      await postgres.close()
      await serving.stop()
    },
  }
}

describeQueue(
  'a queue in Postgres',
  () => {
    let url: string | undefined
    return async (options) => {
      url ??= await (await server()).create()
      const bot = await openBot(url, options)
      const worker = await openWorker(url, options.run)
      return {
        queue: bot.queue,
        park: async () => {
          await worker.stop()
          await bot.park()
        },
        kill: async () => {
          await bot.kill()
          await worker.kill()
        },
      }
    }
  },
  { skip: skipped },
)

describe('several processes at one queue', { skip: skipped, timeout: 300_000 }, () => {
  /** Ends after `milliseconds`; says which jobs it had. */
  const sleeper = (milliseconds: number) => {
    const had: string[] = []
    const run: Run = async ({ options }, { signal } = {}) => {
      had.push(options.prompt!)
      await new Promise((resolve, reject) => {
        setTimeout(resolve, milliseconds).unref()
        signal?.addEventListener('abort', () => reject(signal.reason))
      })
      return result(options.prompt!)
    }
    return { had, run }
  }
  const named = (id: string, model = 'emoji') => {
    const { options, ...rest } = job(model)
    return ticket(id, { person: id, scope: id, job: { ...rest, options: { ...options, prompt: id } } as never })
  }

  test('each bot is told of what it placed, and two workers share the work', async () => {
    const url = await (await server()).create()
    const bots = await Promise.all(['0-1/4', '2-3/4'].map((group) => openBot(url, {}, group)))
    const seen = bots.map(() => witness())
    for (const [index, { queue }] of bots.entries()) await queue.open(seen[index]!.handlers)
    const sleepers = [sleeper(100), sleeper(100)]
    const workers = await Promise.all(sleepers.map(({ run }) => openWorker(url, run)))
    const ids = Array.from({ length: 20 }, (_, number) => `${number}`)
    await Promise.all(ids.map((id, index) => bots[index % 2]!.queue.add(named(id))))
    await until(() => seen.every(({ ends }) => ends.length >= 10), 'all ends', 60_000)
    assert.deepEqual(seen[0]!.ends.toSorted(), ids.filter((_, index) => index % 2 === 0).toSorted())
    assert.deepEqual(seen[1]!.ends.toSorted(), ids.filter((_, index) => index % 2 === 1).toSorted())
    assert.deepEqual([...sleepers[0]!.had, ...sleepers[1]!.had].sort(), ids.toSorted())
    assert.ok(sleepers.every(({ had }) => had.length >= 3))
    for (const { stop } of workers) await stop()
    for (const { park } of bots) await park()
  })

  test('a worker that is killed leaves its job to another; one job that kills two is given up', async () => {
    const url = await (await server()).create()
    const bot = await openBot(url)
    const seen = witness()
    await bot.queue.open(seen.handlers)
    const never = sleeper(1e9)
    const first = await openWorker(url, never.run)
    await bot.queue.add(named('a'))
    await until(() => never.had.length === 1, 'its start')
    await first.kill()
    const second = await openWorker(url, never.run)
    await until(() => never.had.length === 2, 'its second start', 60_000)
    await second.kill()
    await until(() => seen.outcomes.has('a'), 'its end', 60_000)
    assert.match(JSON.stringify(seen.outcomes.get('a')), /interrupted twice/)
    await bot.park()
  })

  /** Without a worker that takes anything. */
  async function openIdle() {
    const url = await (await server()).create()
    const bot = await openBot(url)
    const seen = witness()
    await bot.queue.open(seen.handlers)
    const postgres = await openPostgres(url)
    await tellWorker(postgres, { id: 'idle', name: 'idle', models: [{ name: 'emoji', hash: '' }] }, Date.now())
    const close = async () => {
      await postgres.close()
      await bot.park()
    }
    return { ...seen, queue: bot.queue, postgres, close }
  }

  test('a job that is cancelled while a worker takes it: one waits for the other, not both', async () => {
    const { queue, postgres, outcomes, close } = await openIdle()
    const boss = await openBoss({ postgres, isKeeper: false, log })
    await queue.add(named('a'))
    let cancelled: Promise<boolean> | undefined
    await postgres.transaction(async (at) => {
      await boss.fetch(at, jobQueueOf('emoji'))
      cancelled = queue.cancel('a', 'Cancelled.')
      const isWaiting = async () => (await postgres.query('SELECT FROM pg_locks WHERE NOT granted')).length > 0
      await until(isWaiting, 'a cancel that waits')
      await at.query(`UPDATE isto.tickets SET state = 'running' WHERE id = 'a'`)
    })
    assert.equal(await cancelled, true)
    await until(() => outcomes.has('a'), 'its end')
    await boss.stop()
    await close()
  })

  test('nothing is told of a job that ended while its row was read', async () => {
    const { queue, postgres, close } = await openIdle()
    const read = Promise.withResolvers<void>()
    const ended = Promise.withResolvers<void>()
    const slowly: Postgres = {
      ...postgres,
      query: async (text, values) => {
        const rows = await postgres.query(text, values)
        if (text.includes('follow_up')) {
          if (rows.length > 0) read.resolve()
          await ended.promise
        }
        return rows as never
      },
    }
    const told: string[] = []
    const news = await tellNews({
      postgres: slowly,
      group: 'all',
      log,
      pollMilliseconds: 50,
      handlers: {
        onPosition: ({ ticket: { id } }) => told.push(id),
        onProgress: ({ id }) => told.push(id),
      },
    })
    await queue.add(named('a'))
    await read.promise
    await queue.cancel('a', 'Cancelled.')
    news.forget('a')
    await queue.add(named('b'))
    ended.resolve()
    await until(() => told.includes('b'), 'the place of another')
    assert.ok(!told.includes('a'))
    await news.stop()
    await close()
  })

  test('a result whose delivery ends the process three times gives way to a sentence, and that to nothing', async () => {
    const { queue, postgres, outcomes, close } = await openIdle()
    const boss = await openBoss({ postgres, isKeeper: false, log })
    const end = async (id: string, before: number) => {
      await queue.add(named(id))
      await postgres.query('UPDATE isto.tickets SET deliveries = $2 WHERE id = $1', [id, before])
      const [claim] = await boss.fetch(postgres, jobQueueOf('emoji'))
      await postgres.transaction((at) => endClaimed(at, boss, claim!, { type: 'done', result: result(id) }))
    }
    await end('a', 2)
    await end('b', 3)
    await end('c', 10)
    await until(async () => (await postgres.query('SELECT FROM isto.tickets')).length === 0, 'the end of all')
    assert.equal(outcomes.get('a')?.type, 'done')
    const told = outcomes.get('b')
    assert.ok(told?.type === 'stopped' && told.canRetry && /interrupted each time/.test(JSON.stringify(told)))
    assert.equal(outcomes.get('c'), undefined)
    await boss.stop()
    await close()
  })

  test('a worker of the role in docs/scale.md computes, and can’t read tokens, results or what is saved', async () => {
    const url = await (await server()).create()
    const bot = await openBot(url)
    const seen = witness()
    await bot.queue.open(seen.handlers)
    const owner = await openPostgres(url)
    await (await openSharedStore(owner)).settings.change('1', { personLimit: 1 })
    const guide = readFileSync('docs/scale.md', 'utf8')
    const [, statements] = /```sql\n(CREATE ROLE worker [\s\S]*?)```/.exec(guide)!
    await execute(url, statements!)
    const asWorker = (await server()).urlOf(url, 'worker')
    const worker = await openWorker(asWorker, sleeper(1).run)
    await bot.queue.add(named('a'))
    await until(() => seen.outcomes.get('a')?.type === 'done', 'its end')
    for (const table of ['follow_ups', 'entries', 'results']) {
      await assert.rejects(execute(asWorker, `SELECT FROM isto.${table}`), /permission denied/)
    }
    await worker.stop()
    await owner.close()
    await bot.park()
  })

  test('models of one name with other files are found while their worker is alive', async () => {
    const { postgres, close } = await openIdle()
    const models = [
      { name: 'emoji', hash: 'other' },
      { name: 'photo', hash: 'some' },
    ]
    assert.deepEqual(await findForeign(postgres, models, Date.now()), ['emoji'])
    assert.deepEqual(await findForeign(postgres, [{ name: 'emoji', hash: '' }], Date.now()), [])
    assert.deepEqual(await findForeign(postgres, models, Date.now() + silenceMilliseconds + 1000), [])
    await close()
  })

  test('a job for a model that nobody has is refused, with the models there are', async () => {
    const url = await (await server()).create()
    const bot = await openBot(url)
    await bot.queue.open(witness().handlers)
    await assert.rejects(bot.queue.add(named('a')), /No worker is running/)
    const worker = await openWorker(url, sleeper(1).run, ['emoji', 'photo'])
    await assert.rejects(
      bot.queue.add(named('a', 'other')),
      /No worker has “other” at the moment; there are emoji, photo\./,
    )
    const [facts] = await bot.queue.workers()
    assert.deepEqual([facts?.name, facts?.models, facts?.isBusy], ['here', ['emoji', 'photo'], false])
    await worker.stop()
    assert.deepEqual(await bot.queue.workers(), [])
    await bot.park()
  })
})
