import { randomUUID } from 'node:crypto'
import { UserError } from '../errors.ts'
import type { Postgres } from '../store/postgres.ts'
import type { Boss } from './boss.ts'
import type { Limits } from './limits.ts'
import { deliveryQueueOf, jobQueueOf } from './queue-names.ts'
import { checkRoom, checkServed, makeRoom } from './shared-adding.ts'
import { adoptTickets, answerInterrupted, deliverEnds } from './shared-delivery.ts'
import { expectSeconds } from './shared-durations.ts'
import { type News, tellNews } from './shared-news.ts'
import { countJobs, readPositions } from './shared-positions.ts'
import { endTicket, findJob, removeExpected, writeExpected, writeTicket } from './shared-tickets.ts'
import { type Queue, restarting, type Ticket } from './ticket.ts'
import { prepareTables } from './ticket-tables.ts'
import { liveWorkers } from './workers.ts'

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

/** The bot's side of a queue that several processes share: it places and delivers, and workers (serve.ts) compute. */
export function createSharedQueue<FollowUp>(options: SharedQueueOptions): Queue<FollowUp> {
  const { postgres, boss, group, log, limits, pollMilliseconds = 1000, owns = () => false } = options
  let news: News | undefined
  let stopDelivery = async () => {}
  let isParked = false

  const open: Queue<FollowUp>['open'] = async (handlers) => {
    await prepareTables(postgres)
    await boss.createQueue(deliveryQueueOf(group))
    await adoptTickets(postgres, boss, group, owns)
    await answerInterrupted({ postgres, group, handlers, log })
    news = await tellNews({ postgres, group, handlers, log, pollMilliseconds })
    stopDelivery = await deliverEnds({ postgres, boss, group, handlers, log, news, pollMilliseconds })
  }

  const expect: Queue<FollowUp>['expect'] = async (expected) => {
    if (isParked) throw new UserError(restarting)
    await postgres.transaction((at) => writeExpected(at, group, expected))
  }

  const add: Queue<FollowUp>['add'] = async (ticket, shares = {}) => {
    if (!news) throw new Error('The queue has to be opened first.')
    if (isParked) throw new UserError(restarting)
    await checkServed(postgres, ticket.job.options.model)
    const { person = limits?.person, scope = limits?.scope } = shares
    await place(options, ticket, { ...limits, person, scope })
    news.lookSoon()
  }

  const cancel: Queue['cancel'] = (id, reason) =>
    postgres.transaction(async (at) => {
      const job = await findJob(at, id)
      if (!job) return false
      // The job before its ticket, as workers do: otherwise both could wait for each other.
      await boss.cancel(at, job.queue, job.jobId)
      const ended = await endTicket(at, id, { type: 'stopped', reason })
      if (!ended) return false
      await boss.send(at, deliveryQueueOf(ended.group), id)
      await at.query(`SELECT pg_notify('isto_cancel', $1)`, [id])
      return true
    })

  const park: Queue['park'] = async () => {
    isParked = true
    await Promise.allSettled([news?.stop(), stopDelivery()])
    await boss.stop()
  }

  return {
    open,
    expect,
    release: (id) => removeExpected(postgres, id),
    add,
    cancel,
    park,
    positions: (scope) => readPositions(postgres, 'scope', scope, Date.now()),
    positionsOf: (person) => readPositions(postgres, 'person', person, Date.now()),
    length: () => countJobs(postgres),
    workers: () => liveWorkers(postgres, Date.now()),
  }
}

/** Writes a ticket and its job. @throws UserError if there is no room for it */
async function place({ postgres, boss, group }: SharedQueueOptions, ticket: Ticket, limits: Limits): Promise<void> {
  const queue = jobQueueOf(ticket.job.options.model)
  await boss.createQueue(queue)
  await postgres.transaction(async (at) => {
    await checkRoom(at, ticket, limits)
    const jobId = randomUUID()
    const turn = await makeRoom(at, boss, ticket)
    await writeTicket(at, ticket, { group, queue, jobId, turn, seconds: await expectSeconds(at, ticket.job) })
    await boss.send(at, queue, ticket.id, { jobId, turn })
    await at.query(`SELECT pg_notify('isto_work', $1)`, [queue])
  })
}
