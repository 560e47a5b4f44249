import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { OtherModelError, UserError } from '../../src/errors.ts'
import type { Limits } from '../../src/jobs/limits.ts'
import type { Job } from '../../src/jobs/protocol.ts'
import type { Outcome, Queue, QueueHandlers } from '../../src/jobs/ticket.ts'
import type { Run } from '../../src/jobs/worker-client.ts'
import { sentence } from '../../src/sentence.ts'
import { until } from '../loopback/discord.ts'
import { job, result, ticket, witness } from './test-queue.ts'

/** A queue and whoever computes for it: a process of a bot, as far as the queue can tell. */
export interface QueueAndWorker {
  readonly queue: Queue
  /** As at SIGTERM. */
  readonly park: () => Promise<void>
  /** As at SIGKILL, for all that is kept: nothing is written any more. */
  readonly kill: () => Promise<void>
}

export interface SuiteOptions {
  readonly run: Run
  readonly limits?: Limits
}

/** A worker whose jobs end when the test says so. */
function byHand() {
  const started: { readonly id: string; readonly job: Job; readonly end: (error?: Error) => void }[] = []
  const run: Run = (given, { signal, onProgress } = {}) =>
    new Promise((resolve, reject) => {
      const { model: _, prompt: id = '' } = given.options
      signal?.addEventListener('abort', () => reject(signal.reason))
      onProgress?.({ stage: 'load', step: 0, of: 1, preview: new Uint8Array([7]) })
      started.push({ id, job: given, end: (error) => (error ? reject(error) : resolve(result(id))) })
    })
  return { started, run }
}

/** A job of the model `emoji` that can be told by its words. */
const named = (id: string, more: Parameters<typeof ticket>[1] = {}) => {
  const { options, ...rest } = job('emoji')
  return ticket(id, { job: { ...rest, options: { ...options, prompt: id } } as Job, ...more })
}

/** What every queue must do, whatever keeps it. `open` again after `park` or `kill`, it has what it had. */
export function describeQueue(
  name: string,
  createOpener: () => (options: SuiteOptions) => Promise<QueueAndWorker>,
  options: { readonly skip?: string | false } = {},
): void {
  describe(name, { ...options, timeout: 300_000 }, () => {
    /** A new queue, opened, with a worker by hand. */
    async function openQueue(
      more: Partial<SuiteOptions> = {},
      onEnd?: QueueHandlers['onEnd'],
      opener = createOpener(),
    ) {
      const hand = byHand()
      const seen = witness(onEnd)
      const opened = await opener({ run: hand.run, ...more })
      await opened.queue.open(seen.handlers)
      const begun = async (id: string) => {
        await until(() => hand.started.some((one) => one.id === id), `the start of ${id}`)
        return hand.started.find((one) => one.id === id)!
      }
      const ended = async (id: string): Promise<Outcome> => {
        await until(() => seen.outcomes.has(id), `the end of ${id}`)
        return seen.outcomes.get(id)!
      }
      const again = (onEndAgain?: QueueHandlers['onEnd']) => openQueue(more, onEndAgain, opener)
      return { ...opened, ...hand, ...seen, begun, ended, again }
    }

    test('one job after the other, each hears its place and its progress, and nothing is left', async () => {
      const { queue, begun, ended, started, positions, progressed, park } = await openQueue()
      for (const id of ['a', 'b', 'c']) await queue.add(named(id))
      for (const id of ['a', 'b', 'c']) {
        const { end } = await begun(id)
        assert.equal(started.length, ['a', 'b', 'c'].indexOf(id) + 1)
        await until(() => progressed.includes(id), 'progress')
        await until(() => positions.get('c')?.some(({ ahead, isRunning }) => ahead === 2 && !isRunning), 'a place')
        end()
        assert.deepEqual(await ended(id), { type: 'done', result: result(id) })
      }
      await until(async () => (await queue.length()) === 0, 'an empty queue')
      assert.deepEqual(await queue.positions('server'), [])
      await park()
    })

    test('a second person, and another server, wait for one job and not for all', async () => {
      const { queue, begun, ended, started, park } = await openQueue({ limits: { person: 10 } })
      await queue.add(named('ann0'))
      await begun('ann0')
      for (const id of ['ann1', 'ann2', 'ann3']) await queue.add(named(id))
      await queue.add(named('bob0', { person: 'bob' }))
      await queue.add(named('cid0', { person: 'cid', scope: 'elsewhere' }))
      const order = (await queue.positions('server')).map((place) => place.ticket.id)
      assert.deepEqual(order, ['ann0', 'bob0', 'ann1', 'ann2', 'ann3'])
      assert.deepEqual(
        (await queue.positionsOf('cid')).map((place) => place.ticket.id),
        ['cid0'],
      )
      for (const id of ['ann0', 'cid0', 'bob0', 'ann1']) {
        ;(await begun(id)).end()
        await ended(id)
      }
      assert.deepEqual(
        started.slice(0, 4).map(({ id }) => id),
        ['ann0', 'cid0', 'bob0', 'ann1'],
      )
      for (const id of ['ann2', 'ann3']) (await begun(id)).end()
      await ended('ann3')
      await park()
    })

    test('pictures come to whoever computes and to whoever delivers as they were', async () => {
      const picture = new Uint8Array(300_000).fill(5)
      const { queue, begun, ended, park } = await openQueue({}, async (given) => {
        assert.deepEqual(given.followUp, { pairs: [{ a: picture, a2: new Uint8Array(0) }] })
        assert.deepEqual(given.job, full.job)
      })
      const { options } = named('a').job
      const full = ticket('a', {
        job: { kind: 'apply', image: picture, differences: [{ bytes: new Uint8Array([1]), strength: 2 }], options },
        followUp: { pairs: [{ a: picture, a2: new Uint8Array(0) }] },
      })
      await queue.add(full)
      const { job: computed, end } = await begun('a')
      assert.deepEqual(computed, full.job)
      end()
      assert.equal((await ended('a')).type, 'done')
      await park()
    })

    test('a failure reaches its person as it was thrown', async () => {
      const { queue, begun, ended, park } = await openQueue()
      const errors = [
        new UserError('That is no picture.'),
        new UserError('{name} is empty.', { name: sentence('A of pair {number}', { number: 2 }) }),
        new OtherModelError('Learned elsewhere.'),
        new Error('?'),
      ]
      for (const [index, error] of errors.entries()) {
        await queue.add(named(`${index}`))
        const { end } = await begun(`${index}`)
        end(error)
        assert.deepEqual(await ended(`${index}`), { type: 'failed', error })
      }
      await park()
    })

    test('a person’s share, a server’s, and all of it', async () => {
      const { queue, park } = await openQueue({ limits: { scope: 7, all: 9 } })
      const refused = async (adding: Promise<void>, sentence: RegExp) =>
        assert.rejects(adding, (error: Error) => error instanceof UserError && sentence.test(error.message))
      await refused(queue.add(named('none'), { person: 0 }), /^On this server you may ask for nothing/)
      await queue.add(named('one'), { person: 1 })
      await refused(queue.add(named('two'), { person: 1 }), /^You have a job in the queue already/)
      const adding = Array.from({ length: 20 }, (_, number) => queue.add(named(`ann${number}`)))
      const settled = await Promise.allSettled(adding)
      assert.equal(settled.filter(({ status }) => status === 'fulfilled').length, 4)
      await refused(queue.add(named('three')), /^You have 5 jobs in the queue already, .* in about \d+ (second|minute)/)
      for (const id of ['bob0', 'bob1']) await queue.add(named(id, { person: 'bob' }))
      await refused(queue.add(named('bob2', { person: 'bob' })), /^7 jobs from here are in the queue already/)
      for (const id of ['bob3', 'bob4']) await queue.add(named(id, { person: 'bob', scope: 'elsewhere' }))
      await refused(queue.add(named('cid', { person: 'cid', scope: '3' })), /^The queue is full \(9 jobs/)
      await assert.rejects(queue.add(named('bob3', { person: 'dan', scope: '4' })), /in the queue already|full/)
      await park()
    })

    test('a share may be larger than the usual one', async () => {
      const { queue, park } = await openQueue()
      for (let number = 0; number < 7; number++) await queue.add(named(`ann${number}`), { person: 7 })
      await assert.rejects(queue.add(named('ann7'), { person: 7 }), /^UserError: You have 7 jobs in the queue already/)
      await park()
    })

    test('a job that waits is cancelled, and one that runs', async () => {
      const { queue, begun, ended, started, park } = await openQueue()
      for (const id of ['a', 'b', 'c']) await queue.add(named(id))
      await begun('a')
      assert.equal(await queue.cancel('b', 'Cancelled.'), true)
      assert.equal(await queue.cancel('b', 'Cancelled.'), false)
      assert.equal(await queue.cancel('nothing', 'Cancelled.'), false)
      assert.deepEqual(await ended('b'), { type: 'stopped', reason: 'Cancelled.' })
      assert.equal(await queue.cancel('a', 'Cancelled.'), true)
      assert.deepEqual(await ended('a'), { type: 'stopped', reason: 'Cancelled.' })
      ;(await begun('c')).end()
      await ended('c')
      assert.deepEqual(
        started.map(({ id }) => id),
        ['a', 'c'],
      )
      await park()
    })

    test('a call that is not a job yet is told at the next start that it will not be one, once', async () => {
      const { queue, kill, again } = await openQueue()
      const { job: _, ...call } = named('a')
      await queue.expect({ ...call, followUp: { note: 'first' } })
      await queue.expect({ ...call, followUp: { note: 'more' } })
      for (const id of ['b', 'c']) await queue.expect({ ...call, id, followUp: {} })
      await queue.release('b')
      await queue.add(named('c'))
      await queue.release('c')
      await kill()
      const later = await again()
      assert.deepEqual(later.interrupted, ['a'])
      ;(await later.begun('c')).end()
      await later.ended('c')
      await later.park()
      const third = await again()
      assert.deepEqual(third.interrupted, [])
      await third.park()
    })

    test('parked: the running job is put back, and all goes on at the next start', async () => {
      const first = await openQueue()
      for (const id of ['a', 'b']) await first.queue.add(named(id, { placedAt: Date.now() }))
      await first.begun('a')
      let latest = first
      // More often than a job may be tried.
      for (let time = 0; time < 3; time++) {
        await latest.park()
        await assert.rejects(latest.queue.add(named('c')), /restarting/)
        assert.deepEqual(latest.ends, [])
        latest = await first.again()
        await latest.begun('a')
      }
      for (const id of ['a', 'b']) {
        ;(await latest.begun(id)).end()
        await latest.ended(id)
      }
      await latest.park()
    })

    test('killed while it delivers: it delivers again, and computes nothing again', async () => {
      const first = await openQueue({}, () => new Promise(() => {}))
      await first.queue.add(named('a'))
      ;(await first.begun('a')).end()
      await first.ended('a')
      await first.kill()
      const second = await first.again(async () => {})
      assert.equal((await second.ended('a')).type, 'done')
      assert.deepEqual(second.started, [])
      await second.park()
    })
  })
}
