import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { serialize } from 'node:v8'
import { OtherModelError, UserError } from '../../src/errors.ts'
import { createQueue, type QueueOptions } from '../../src/jobs/queue.ts'
import type { Expected, Position, Queue } from '../../src/jobs/ticket.ts'
import type { TicketRecord } from '../../src/jobs/ticket-storage.ts'
import { startWorker } from '../../src/jobs/worker-client.ts'
import { english } from '../../src/sentence.ts'
import { byHand, job, memoryTickets, result, settled, ticket, witness } from './test-queue.ts'

/** A queue with a worker, a disk and witnesses; each may be replaced. */
async function openQueue(
  options: Partial<QueueOptions> = {},
  disk?: Map<string, Uint8Array>,
  onEnd?: () => Promise<void>,
) {
  const hand = byHand()
  const memory = memoryTickets(disk)
  const seen = witness(onEnd)
  const logged: string[] = []
  const queue = createQueue<unknown>({
    run: hand.run,
    tickets: memory.tickets,
    log: (sentence) => logged.push(sentence),
    ...options,
  })
  await queue.open(seen.handlers)
  await settled()
  const add: Queue['add'] = async (...given) => {
    await queue.add(...given)
    await settled()
  }
  /** Of both scopes in turn. */
  const ids = async () => {
    const positions = [...(await queue.positions('server')), ...(await queue.positions('elsewhere'))]
    return positions.sort((one, other) => one.ahead - other.ahead).map((place) => place.ticket.id)
  }
  return { ...hand, ...memory, ...seen, queue, add, logged, ids }
}

const day = 24 * 60 * 60 * 1000

describe('in turns', () => {
  test('jobs run one at a time, each hears its place, and nothing is left on disk', async () => {
    const { queue, add, started, next, positions, outcomes, disk } = await openQueue()
    for (const id of ['a', 'b', 'c']) await add(ticket(id))
    assert.deepEqual(started, ['a'])
    assert.equal(disk.size, 3)
    for (let time = 0; time < 3; time++) await next()
    assert.deepEqual(started, ['a', 'b', 'c'])
    const heard = (id: string) => positions.get(id)!.map(({ ahead, isRunning }) => (isRunning ? 'runs' : ahead))
    assert.deepEqual([heard('a'), heard('b'), heard('c')], [['runs'], [1, 0, 'runs'], [2, 1, 0, 'runs']])
    assert.deepEqual(outcomes.get('b'), { type: 'done', result: result('b') })
    assert.equal(disk.size, 0)
    assert.deepEqual(await queue.positions('server'), [])
  })

  test('a second person’s job runs after the one that runs, not after all of the first’s', async () => {
    const { add, started, next, ids } = await openQueue({ limits: { person: 10 } })
    for (let number = 0; number < 10; number++) await add(ticket(`ann${number}`))
    await add(ticket('bob0', { person: 'bob' }))
    await add(ticket('cid0', { person: 'cid', scope: 'elsewhere' }))
    assert.deepEqual((await ids()).slice(0, 5), ['ann0', 'cid0', 'bob0', 'ann1', 'ann2'])
    for (let time = 0; time < 3; time++) await next()
    assert.deepEqual(started, ['ann0', 'cid0', 'bob0', 'ann1'])
  })

  test('positions say how long: the jobs ahead and one’s own', async () => {
    let milliseconds = 1e12
    const { queue, add, next } = await openQueue({ now: () => milliseconds })
    const same = job('same')
    const place = (id: string) => add(ticket(id, { job: same, placedAt: milliseconds }))
    await place('a')
    milliseconds += 8000
    await next()
    for (const id of ['b', 'c', 'd']) await place(id)
    milliseconds += 3000
    assert.deepEqual(
      (await queue.positions('server')).map(({ ahead, secondsLeft }) => [ahead, secondsLeft]),
      [
        [0, 5],
        [1, 13],
        [2, 21],
      ],
    )
  })

  test('progress reaches the handlers with the time that is left', async () => {
    const { add, progress, progressed } = await openQueue()
    await add(ticket('a'))
    progress[0]!()
    assert.deepEqual(progressed, ['a'])
  })

  test('a failure reaches them as it was thrown', async () => {
    for (const error of [
      new UserError('That is no picture.'),
      new OtherModelError('Learned elsewhere.'),
      new Error('?'),
    ]) {
      const { add, outcomes } = await openQueue({ run: () => Promise.reject(error) })
      await add(ticket('a'))
      await settled()
      assert.deepEqual(outcomes.get('a'), { type: 'failed', error })
    }
  })

  test('handlers that throw do not stop the queue, and it is logged', async () => {
    const fail = () => {
      throw new Error('broken')
    }
    const { run, next } = byHand()
    const { tickets, disk } = memoryTickets()
    const logged: string[] = []
    const queue = createQueue<unknown>({ run, tickets, log: (sentence) => logged.push(sentence) })
    await queue.open({ onPosition: fail, onProgress: fail, onEnd: fail, onInterrupted: fail })
    await queue.add(ticket('a'))
    await queue.add(ticket('b'))
    await next()
    await next()
    assert.deepEqual(await queue.positions('server'), [])
    assert.equal(disk.size, 0)
    assert.equal(logged.filter((sentence) => sentence === 'A result could not be delivered.').length, 2)
  })

  test('a result that takes long to deliver keeps nobody waiting, and is on disk until it is', async () => {
    const delivered = Promise.withResolvers<void>()
    const { add, started, next, disk, read } = await openQueue({}, undefined, () => delivered.promise)
    await add(ticket('a'))
    await add(ticket('b'))
    await next()
    assert.deepEqual(started, ['a', 'b'])
    assert.deepEqual(read()[0]!.outcome, { type: 'done', result: result('a') })
    delivered.resolve()
    await settled()
    assert.deepEqual([...disk.keys()], ['b'])
  })
})

describe('limits', () => {
  const refused = async (adding: Promise<void>, sentence: RegExp) =>
    assert.rejects(adding, (error: Error) => error instanceof UserError && sentence.test(error.message))

  test('a person’s share', async () => {
    const { queue, add, next, disk } = await openQueue()
    for (let number = 0; number < 5; number++) await add(ticket(`ann${number}`, { scope: `server ${number}` }))
    await refused(queue.add(ticket('ann5')), /^You have 5 jobs in the queue already, .* in about \d+ seconds\.$/)
    assert.equal(disk.size, 5)
    await add(ticket('bob0', { person: 'bob' }))
    await next()
    await add(ticket('ann6'))
  })

  test('a server may set another share', async () => {
    const { queue, add } = await openQueue()
    await add(ticket('a'), { person: 1 })
    await refused(queue.add(ticket('b'), { person: 1 }), /^You have a job in the queue already/)
    await add(ticket('b'))
  })

  test('a server’s share', async () => {
    const { queue, add } = await openQueue({ limits: { scope: 2 } })
    for (const person of ['ann', 'bob']) await add(ticket(person, { person }))
    await refused(
      queue.add(ticket('cid', { person: 'cid' })),
      /^2 jobs from here are in the queue already, .* in about/,
    )
    await add(ticket('dan', { person: 'dan', scope: 'elsewhere' }))
  })

  test('all of it, by number and by size', async () => {
    const { queue, add } = await openQueue({ limits: { all: 2 } })
    for (const person of ['ann', 'bob']) await add(ticket(person, { person, scope: person }))
    await refused(
      queue.add(ticket('cid', { person: 'cid' })),
      /^The queue is full \(2 jobs, about \d+ seconds of work\): please try again in about \d+ seconds\.$/,
    )
    const { queue: small } = await openQueue({ limits: { bytes: 1000 } })
    const large = (id: string) =>
      small.add(ticket(id, { job: { ...job(id), kind: 'apply', differences: [], image: new Uint8Array(400) } }))
    await large('a')
    await large('b')
    await refused(large('c'), /^The queue is full/)
  })

  test('a hundred at once get no more than their share between them', async () => {
    const { queue, disk } = await openQueue()
    const adding = Array.from({ length: 100 }, (_, number) => queue.add(ticket(String(number))))
    const settledAll = await Promise.allSettled(adding)
    assert.equal(settledAll.filter(({ status }) => status === 'fulfilled').length, 5)
    assert.equal(disk.size, 5)
  })

  test('a disk that can’t be written refuses the job and takes no place', async () => {
    const full = new UserError('The disk is full.')
    const { tickets } = memoryTickets()
    const { queue, started } = await openQueue({ tickets: { ...tickets, put: () => Promise.reject(full) } })
    for (let time = 0; time < 10; time++) await assert.rejects(queue.add(ticket('a')), full)
    assert.deepEqual([await queue.positions('server'), started], [[], []])
  })

  test('the same ticket twice is a mistake', async () => {
    const { queue, add } = await openQueue()
    await add(ticket('a'))
    await assert.rejects(queue.add(ticket('a')), /in the queue already/)
  })
})

describe('cancelling', () => {
  test('a job that waits never starts, and the others move up', async () => {
    const { queue, add, started, next, positions, outcomes, disk } = await openQueue()
    for (const id of ['a', 'b', 'c']) await add(ticket(id))
    assert.equal(await queue.cancel('b', 'Cancelled.'), true)
    assert.equal(await queue.cancel('b', 'Cancelled.'), false)
    await settled()
    assert.deepEqual(outcomes.get('b'), { type: 'stopped', reason: 'Cancelled.' })
    assert.deepEqual([...disk.keys()], ['a', 'c'])
    assert.deepEqual(
      positions.get('c')!.map(({ ahead }) => ahead),
      [2, 1],
    )
    await next()
    await next()
    assert.deepEqual(started, ['a', 'c'])
  })

  test('a job that runs is over at once, but the next one starts when the worker is free', async () => {
    const { queue, add, started, next, progress, progressed, ends, ids } = await openQueue()
    await add(ticket('a'))
    await add(ticket('b'))
    await queue.cancel('a', 'Cancelled.')
    await settled()
    assert.deepEqual([ends, started, await ids()], [['a'], ['a'], ['b']])
    progress[0]!()
    assert.deepEqual(progressed, [])
    await next() // the run ended before it saw the cancel: its result is of no account
    assert.deepEqual([ends, started], [['a'], ['a', 'b']])
  })

  test('it holds even when the process is killed before the worker heard of it', async () => {
    const { queue, add, disk, read } = await openQueue({}, undefined, () => new Promise(() => {}))
    await add(ticket('a'))
    await queue.cancel('a', 'Cancelled.')
    await settled()
    assert.equal(read()[0]!.state, 'ended')
    const later = await openQueue({}, new Map(disk))
    assert.deepEqual([later.started, later.outcomes.get('a')], [[], { type: 'stopped', reason: 'Cancelled.' }])
  })

  test('by a handler that is just being told', async () => {
    const { run, started, next } = byHand()
    const { tickets } = memoryTickets()
    const queue = createQueue<unknown>({ run, tickets, log: assert.fail })
    const seen = witness()
    const onPosition = (place: Position) =>
      void (place.isRunning && place.ticket.id === 'b' && queue.cancel('c', 'Cancelled.'))
    await queue.open({ ...seen.handlers, onPosition })
    for (const id of ['a', 'b', 'c', 'd']) await queue.add(ticket(id))
    await next()
    await next()
    assert.deepEqual(started, ['a', 'b', 'd'])
  })

  test('a job that is still being written down', async () => {
    const { queue, started, outcomes, disk } = await openQueue()
    const adding = queue.add(ticket('a'))
    queue.cancel('a', 'Cancelled.')
    await adding
    await settled()
    assert.deepEqual([started, outcomes.get('a')?.type, disk.size], [[], 'stopped', 0])
  })
})

describe('after a crash', () => {
  /** What a process left that was killed with one job running and others waiting. */
  async function crashed(attempts: number) {
    const { add, disk, tickets } = await openQueue()
    const placedAt = Date.now()
    for (const [index, id] of ['ran', 'waited', 'waited too'].entries()) {
      await add(ticket(id, { placedAt: placedAt + index }))
    }
    const record = { ticket: ticket('ran', { placedAt }), attempts, state: 'running' } as const
    await tickets.put('ran', record)
    return new Map(disk)
  }

  test('the job that ran is tried once more, and those that waited go on', async () => {
    const { started, next, outcomes, disk, read } = await openQueue({}, await crashed(1))
    assert.deepEqual(started, ['ran'])
    assert.equal(read().find((record) => record.ticket.id === 'ran')!.attempts, 2)
    for (let time = 0; time < 3; time++) await next()
    assert.deepEqual(started, ['ran', 'waited', 'waited too'])
    assert.equal(outcomes.get('ran')!.type, 'done')
    assert.equal(disk.size, 0)
  })

  test('one that was interrupted twice is given up with a word', async () => {
    const { started, outcomes } = await openQueue({}, await crashed(2))
    assert.deepEqual(started, ['waited'])
    const outcome = outcomes.get('ran')
    assert.ok(outcome?.type === 'stopped' && /interrupted twice/.test(english(outcome.reason)))
  })

  test('a job that version 0.1 left behind goes on, and is checked as it was to be', async () => {
    const { followUp: _, job: given, ...rest } = ticket('old')
    const { options } = given
    const old = {
      ticket: {
        ...rest,
        job: { ...given, options: { ...options, isForEveryone: true } },
        errand: { address: { channelId: '1' }, purpose: { type: 'save', name: 'red' } },
      },
      attempts: 0,
      state: 'waiting',
    }
    const { next, outcomes, positions, read } = await openQueue({}, new Map([['old', serialize(old)]]))
    const [{ ticket: resumed }] = read() as [TicketRecord]
    assert.deepEqual(resumed.followUp, { target: { channelId: '1' }, action: { type: 'save', name: 'red' } })
    assert.deepEqual(resumed.job.options, { ...options, requiresSafetyCheck: true })
    assert.deepEqual(positions.get('old')?.at(-1)?.ticket, resumed)
    await next()
    assert.equal(outcomes.get('old')?.type, 'done')
  })

  test('what is older than a day ends with a word of regret, also when it waited that long in the queue', async () => {
    let now = Date.now()
    const { started, next, outcomes } = await openQueue({ now: () => now }, await crashed(1))
    now += day + 1000
    await next()
    assert.deepEqual(started, ['ran'])
    const disk = await crashed(1)
    const later = await openQueue({ now: () => now }, disk)
    assert.deepEqual([later.started, later.ends.length, later.disk.size], [[], 3, 0])
    for (const outcome of [outcomes.get('waited'), later.outcomes.get('ran')]) {
      assert.ok(outcome?.type === 'stopped' && /more than a day/.test(english(outcome.reason)))
    }
  })

  test('a result that was not delivered is delivered, not made again; of whatever age and kind', async () => {
    const never = () => new Promise<void>(() => {})
    for (const error of [undefined, new UserError('That is no picture.'), new OtherModelError('Learned elsewhere.')]) {
      const run = async () => {
        if (error) throw error
        return result('a')
      }
      const first = await openQueue({ run }, undefined, never)
      await first.queue.add(ticket('a'))
      await settled()
      const later = await openQueue({ now: () => Date.now() + 2 * day }, new Map(first.disk))
      await settled()
      const expected = error ? { type: 'failed', error } : { type: 'done', result: result('a') }
      assert.deepEqual([later.started, later.outcomes.get('a'), later.disk.size], [[], expected, 0])
    }
  })

  test('a result whose delivery ends the process three times gives way to a sentence, and that to nothing', async () => {
    const never = () => new Promise<void>(() => {})
    let { add, disk, next } = await openQueue({}, undefined, never)
    await add(ticket('a'))
    await next()
    const delivered: (string | undefined)[] = []
    for (let start = 0; start < 10; start++) {
      const again = await openQueue({}, new Map(disk), never)
      await settled()
      const outcome = again.outcomes.get('a')
      delivered.push(outcome?.type === 'stopped' && outcome.canRetry ? 'to be tried again' : outcome?.type)
      disk = again.disk
    }
    assert.deepEqual(delivered, ['done', 'done', ...Array(7).fill('to be tried again'), undefined])
    assert.equal(disk.size, 0)
  })
})

describe('a call that is not a job yet', () => {
  const { job: _, ...call } = ticket('a')
  const expected: Expected = { ...call, followUp: {} }

  test('takes no place, and is told at the next start that nothing comes of it, once', async () => {
    const { queue, disk } = await openQueue()
    await queue.expect(expected)
    assert.deepEqual(await queue.positions('server'), [])
    const later = await openQueue({}, new Map(disk))
    assert.deepEqual([later.interrupted, later.ends, later.started, later.disk.size], [['a'], [], [], 0])
  })

  test('becomes a job under the same id', async () => {
    const { queue, add, disk } = await openQueue()
    await queue.expect(expected)
    await add(ticket('a'))
    await queue.release('a')
    const later = await openQueue({}, new Map(disk))
    assert.deepEqual([later.interrupted, later.started], [[], ['a']])
  })

  test('is forgotten where nothing comes of it', async () => {
    const { queue, disk } = await openQueue()
    await queue.expect(expected)
    await queue.release('a')
    assert.equal(disk.size, 0)
  })

  test('is refused while the bot leaves', async () => {
    const { queue } = await openQueue()
    await queue.park()
    await assert.rejects(queue.expect(expected), /restarting/)
  })
})

describe('parking', () => {
  test('the running job is put back, not counted as an attempt, and all goes on at the next start', async () => {
    const { queue, add, disk, read, next, ends } = await openQueue()
    await add(ticket('a', { placedAt: 1 + Date.now() }))
    await add(ticket('b', { placedAt: 2 + Date.now() }))
    await queue.park()
    assert.deepEqual(
      read().map(({ state, attempts }) => [state, attempts]),
      [
        ['waiting', 0],
        ['waiting', 0],
      ],
    )
    await assert.rejects(queue.add(ticket('c')), /restarting/)
    await next()
    await next()
    assert.deepEqual(ends, [])
    const later = await openQueue({}, new Map(disk))
    await later.next()
    await later.next()
    assert.deepEqual([later.started, later.ends, later.disk.size], [['a', 'b'], ['a', 'b'], 0])
  })

  test('a result that is being written down is, and comes at the next start', async () => {
    const { tickets, disk } = memoryTickets()
    const written = Promise.withResolvers<void>()
    const put: typeof tickets.put = async (id, record) => {
      if ('state' in record && record.state === 'ended') await written.promise
      await tickets.put(id, record)
    }
    const { queue, add, next, ends } = await openQueue({ tickets: { ...tickets, put } })
    await add(ticket('a'))
    await next()
    let isParked = false
    const parking = queue.park().then(() => {
      isParked = true
    })
    await settled()
    assert.equal(isParked, false)
    written.resolve()
    await parking
    assert.deepEqual(ends, [])
    const later = await openQueue({}, new Map(disk))
    assert.deepEqual([later.started, later.ends], [[], ['a']])
  })

  test('it waits for the results that are being delivered', async () => {
    const delivered = Promise.withResolvers<void>()
    const { queue, add, next, disk } = await openQueue({}, undefined, () => delivered.promise)
    await add(ticket('a'))
    await next()
    let isParked = false
    const parking = queue.park().then(() => {
      isParked = true
    })
    await settled()
    assert.equal(isParked, false)
    delivered.resolve()
    await parking
    assert.equal(disk.size, 0)
  })
})

test('a thousand tickets of a hundred people', async () => {
  const disk = new Map<string, Uint8Array>()
  const { tickets } = memoryTickets(disk)
  for (let number = 0; number < 1000; number++) {
    const more = { person: `p${number % 100}`, scope: `s${number % 10}`, placedAt: Date.now() + number }
    await tickets.put(String(number), { ticket: ticket(String(number), more), attempts: 0, state: 'waiting' })
  }
  const started = performance.now()
  const { ends } = await openQueue({ run: async (given) => result(given.options.model) }, disk)
  while (ends.length < 1000) await settled()
  assert.equal(disk.size, 0)
  assert.equal(new Set(ends).size, 1000)
  assert.ok(performance.now() - started < 20_000)
})

test('over a real child: a job that kills it twice is given up, and the queue goes on', async () => {
  const exits: string[] = []
  const path = new URL('../fixtures/fake-worker.ts', import.meta.url)
  const worker = startWorker({ path, onExit: (exit) => exits.push(exit) })
  const { add, outcomes, ends } = await openQueue({ run: worker.run })
  await add(ticket('die'))
  await add(ticket('any'))
  while (ends.length < 2) await settled()
  await worker.close()
  const [first, second] = ['die', 'any'].map((id) => outcomes.get(id))
  assert.ok(first?.type === 'failed' && first.error instanceof UserError && /ended twice/.test(first.error.message))
  assert.equal(second?.type, 'done')
  assert.deepEqual(exits, ['SIGKILL', 'SIGKILL'])
})

test('over a real child: two jobs, the first cancelled, the second done', async () => {
  const worker = startWorker({ path: new URL('../fixtures/fake-worker.ts', import.meta.url) })
  const { tickets } = memoryTickets()
  const queue = createQueue<unknown>({ run: worker.run, tickets, log: () => {} })
  const seen = witness()
  const bothEnded = new Promise<void>((resolve) => {
    const handlers = {
      ...seen.handlers,
      onProgress: ({ id }: { id: string }) => void (id === 'wait' && queue.cancel(id, 'Cancelled.')),
      onEnd: async (...end: Parameters<typeof seen.handlers.onEnd>) => {
        await seen.handlers.onEnd(...end)
        if (seen.ends.length === 2) resolve()
      },
    }
    void queue.open(handlers).then(() => Promise.all([queue.add(ticket('wait')), queue.add(ticket('slow'))]))
  })
  await bothEnded
  await worker.close()
  assert.deepEqual(seen.ends, ['wait', 'slow'])
  assert.equal(seen.outcomes.get('slow')!.type, 'done')
})
