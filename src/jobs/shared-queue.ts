import { randomUUID } from 'node:crypto'
import { deserialize } from 'node:v8'
import { UserError } from '../errors.ts'
import type { Postgres } from '../store/postgres.ts'
import type { Boss } from './boss.ts'
import { errorOf } from './job-error.ts'
import type { Limits } from './limits.ts'
import type { Progress } from './protocol.ts'
import { deliveryQueueOf, givenUpQueue, jobQueueOf } from './queue-names.ts'
import { checkRoom, checkServed, makeRoom } from './shared-adding.ts'
import { expectSeconds } from './shared-durations.ts'
import {
  endTicket,
  readEnded,
  readExpected,
  readSpots,
  readTickets,
  removeTicket,
  writeExpected,
  writeTicket,
} from './shared-tickets.ts'
import {
  gaveUp,
  type Outcome,
  type Queue,
  type QueueHandlers,
  restarting,
  type StoredOutcome,
  type Ticket,
} from './ticket.ts'
import { liveWorkers, prepareTables } from './ticket-tables.ts'

interface SharedQueueOptions {
  readonly postgres: Postgres
  readonly boss: Boss
  /** Of the bot processes the one that delivers what it placed, and goes on with it after a restart. */
  readonly group: string
  /** Whether this group now answers a scope that another one answered before. @default none */
  readonly owns?: (scope: string) => boolean
  readonly log: (sentence: string, error: unknown) => void
  readonly limits?: Limits
  /** @default 1000 */
  readonly pollMilliseconds?: number
}

/** The bot's side of a line that several processes share: it places and delivers, and workers (serve.ts) compute. */
export function createSharedQueue<FollowUp>(options: SharedQueueOptions): Queue<FollowUp> {
  const { postgres, boss, group, log, limits, pollMilliseconds = 1000, owns = () => false } = options
  const deliveries = deliveryQueueOf(group)
  /** Without their pictures; `told` as in queue.ts. */
  const seen = new Map<string, { readonly ticket: Ticket<FollowUp>; told?: number }>()
  const ends: (() => void | Promise<void>)[] = []
  let handlers: QueueHandlers<FollowUp> | undefined
  let isParked = false
  let tellSoon = () => {}

  // ---- A ticket's life ----

  const open: Queue<FollowUp>['open'] = async (given) => {
    handlers = given
    await prepareTables(postgres)
    await boss.createQueue(deliveries)
    await adopt()
    for (const expected of await readExpected<FollowUp>(postgres, group)) {
      await given
        .onInterrupted(expected)
        .catch((error: unknown) => log('An interrupted command could not be answered.', error))
      await removeTicket(postgres, expected.id)
    }
    const wake = await boss.work(deliveries, deliver)
    await boss.work(givenUpQueue, giveUp)
    const watch = createPoll(pollMilliseconds, tellPlaces, (error) =>
      log('Positions in the queue could not be reported.', error),
    )
    tellSoon = watch.soon
    ends.push(watch.stop)
    ends.push(
      await postgres.listen('isto_ended', (to) => {
        if (to === group || to === '') wake()
        watch.soon()
      }),
      await postgres.listen('isto_places', watch.soon),
      await postgres.listen('isto_progress', (payload) => {
        const [to, id] = payload.split(' ')
        if (to === group && id)
          void tellProgress(id).catch((error: unknown) => log('Progress could not be reported.', error))
      }),
    )
  }

  /** Takes over what was placed while the shards were divided among processes in another way. */
  const adopt = async () => {
    const others = await postgres.query<{ id: string; scope: string }>(
      'SELECT id, scope FROM isto.tickets WHERE bot_group <> $1',
      [group],
    )
    for (const { id } of others.filter(({ scope }) => owns(scope))) {
      await postgres.transaction(async (at) => {
        const [row] = await at.query<{ state: string }>(
          'UPDATE isto.tickets SET bot_group = $2 WHERE id = $1 RETURNING state',
          [id, group],
        )
        if (row?.state === 'ended') await boss.send(at, deliveries, id)
      })
    }
  }

  const expect: Queue<FollowUp>['expect'] = async (expected) => {
    if (isParked) throw new UserError(restarting)
    await postgres.transaction((at) => writeExpected(at, group, expected))
  }

  const release: Queue['release'] = async (id) => {
    await postgres.query(`DELETE FROM isto.tickets WHERE id = $1 AND state = 'expected'`, [id])
  }

  const add: Queue<FollowUp>['add'] = async (ticket, shares = {}) => {
    if (!handlers) throw new Error('The queue has to be opened first.')
    if (isParked) throw new UserError(restarting)
    const { model } = ticket.job.options
    await checkServed(postgres, model)
    const queue = jobQueueOf(model)
    await boss.createQueue(queue)
    await postgres.transaction(async (at) => {
      const { person = limits?.person, scope = limits?.scope } = shares
      await checkRoom(at, ticket, { ...limits, person, scope })
      const jobId = randomUUID()
      const turn = await makeRoom(at, boss, ticket)
      await writeTicket(at, ticket, { group, queue, jobId, turn, seconds: await expectSeconds(at, ticket.job) })
      await boss.send(at, queue, ticket.id, { jobId, turn })
      await at.query(`SELECT pg_notify('isto_work', $1)`, [queue])
    })
    tellSoon()
  }

  const cancel: Queue['cancel'] = async (id, reason) => {
    const isCancelled = await postgres.transaction(async (at) => {
      const ended = await endTicket(at, id, { type: 'stopped', reason })
      if (!ended) return false
      await boss.cancel(at, ended.queue, ended.jobId)
      await boss.send(at, deliveryQueueOf(ended.group), id)
      await at.query(`SELECT pg_notify('isto_cancel', $1)`, [id])
      return true
    })
    return isCancelled
  }

  const deliver = async (id: string) => {
    const ended = await readEnded<FollowUp>(postgres, id, group)
    // Else it was delivered before, or another group took it over.
    if (!ended) return
    seen.delete(id)
    await handlers
      ?.onEnd(ended.ticket, outcomeOf(ended.outcome))
      .catch((error: unknown) => log('A result could not be delivered.', error))
    await removeTicket(postgres, id)
  }

  const giveUp = (id: string) =>
    postgres.transaction(async (at) => {
      const ended = await endTicket(at, id, { type: 'stopped', reason: gaveUp })
      if (ended) await boss.send(at, deliveryQueueOf(ended.group), id)
    })

  const park: Queue['park'] = async () => {
    isParked = true
    await Promise.allSettled(ends.map(async (end) => end()))
    await boss.stop()
  }

  // ---- Places ----

  const tellPlaces = async () => {
    const spots = await readSpots(postgres, 'bot_group', group, Date.now())
    const unknown = spots.filter(({ id }) => !seen.has(id)).map(({ id }) => id)
    await meet(unknown)
    for (const { id, ...spot } of spots) {
      const entry = seen.get(id)
      const told = spot.isRunning ? -1 : spot.ahead
      if (!entry || entry.told === told || isParked) continue
      entry.told = told
      guarded(() => handlers?.onPlace({ ticket: entry.ticket, ...spot }))
    }
  }

  const meet = async (ids: readonly string[]) => {
    for (const [id, ticket] of await readTickets<FollowUp>(postgres, ids)) seen.set(id, seen.get(id) ?? { ticket })
  }

  const tellProgress = async (id: string) => {
    if (isParked) return
    if (!seen.has(id)) await meet([id])
    const [row] = await postgres.query<{ progress: Uint8Array; seconds_left: number }>(
      'SELECT progress, seconds_left FROM isto.progress WHERE id = $1',
      [id],
    )
    const entry = seen.get(id)
    // It may have been delivered meanwhile.
    if (!row || !entry) return
    entry.told = -1
    guarded(() => handlers?.onProgress(entry.ticket, deserialize(row.progress) as Progress, row.seconds_left))
  }

  const guarded = (call: () => void) => {
    try {
      call()
    } catch (error) {
      log('A job event handler failed.', error)
    }
  }

  return {
    open,
    expect,
    release,
    add,
    cancel,
    park,
    places: async (scope) => {
      const spots = await readSpots(postgres, 'scope', scope, Date.now())
      const tickets = await readTickets<FollowUp>(
        postgres,
        spots.map(({ id }) => id),
      )
      return spots.flatMap(({ id, ...spot }) => {
        const ticket = tickets.get(id)
        return ticket ? { ticket, ...spot } : []
      })
    },
    length: async () => {
      const [row] = await postgres.query<{ count: string }>(
        `SELECT count(*) FROM isto.tickets WHERE state IN ('waiting', 'running')`,
      )
      return Number(row?.count)
    },
    workers: () => liveWorkers(postgres, Date.now()),
  }
}

const outcomeOf = (outcome: StoredOutcome): Outcome =>
  outcome.type === 'failed' ? { type: 'failed', error: errorOf(outcome.failure) } : outcome

/** Calls `look` again and again, never twice at once. */
function createPoll(everyMilliseconds: number, look: () => Promise<void>, onError: (error: unknown) => void) {
  let timer: NodeJS.Timeout | undefined
  let soon: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined
  let isOver = false
  const start = () => {
    clearTimeout(timer)
    underWay ??= look()
      .catch(onError)
      .finally(() => {
        underWay = undefined
        if (!isOver) timer = setTimeout(start, everyMilliseconds)
      })
  }
  start()
  return {
    /** Within a moment, however often it is called. */
    soon: () => {
      soon ??= setTimeout(() => {
        soon = undefined
        if (!isOver) start()
      }, 100)
    },
    stop: async () => {
      isOver = true
      clearTimeout(timer)
      clearTimeout(soon)
      await underWay
    },
  }
}
