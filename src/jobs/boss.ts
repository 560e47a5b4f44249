import { PgBoss } from 'pg-boss'
import type { Postgres, Statements } from '../store/postgres.ts'
import { givenUpQueue } from './queue-names.ts'

/** A job of pg-boss as its worker has it: this attempt at it, no other. */
export interface Claim {
  readonly queue: string
  readonly jobId: string
  readonly ticketId: string
  readonly retryCount: number
}

interface Sending {
  readonly jobId?: string
  /** The turn of the job; lower ones go first. @default 0 */
  readonly turn?: number
  /** Attempts after the first. @default the queue's */
  readonly retryLimit?: number
}

/** pg-boss, of which every job carries a ticket's id and nothing else. */
export interface Boss {
  /** Makes the queue where there is none. */
  readonly createQueue: (queue: string) => Promise<void>
  readonly send: (at: Statements, queue: string, ticketId: string, sending?: Sending) => Promise<void>
  /** Changes the turn of a job that waits. */
  readonly move: (at: Statements, queue: string, jobId: string, turn: number) => Promise<void>
  /** @param most @default 1 */
  readonly fetch: (at: Statements, queue: string, most?: number) => Promise<readonly Claim[]>
  /** @returns false when the claim is no longer ours: nothing was changed then */
  readonly complete: (at: Statements, claim: Claim) => Promise<boolean>
  /** A sign of life. @returns false when the claim is no longer ours */
  readonly touch: (claim: Claim) => Promise<boolean>
  readonly cancel: (at: Statements, queue: string, jobId: string) => Promise<void>
  readonly stop: () => Promise<void>
}

interface BossOptions {
  readonly postgres: Postgres
  /** Keeps pg-boss's tables, and looks for jobs whose worker fell silent. One process at least has to. */
  readonly isKeeper: boolean
  readonly log: (sentence: string, error: unknown) => void
}

export async function openBoss({ postgres, isKeeper, log }: BossOptions): Promise<Boss> {
  const boss = new PgBoss({
    db: databaseOf(postgres.beside),
    schema: 'pgboss',
    schedule: false,
    supervise: isKeeper,
    migrate: isKeeper,
    createSchema: isKeeper,
    superviseIntervalSeconds: 2,
    monitorIntervalSeconds: 2,
    maintenanceIntervalSeconds: 60,
  })
  boss.on('error', (error) => log('pg-boss had an error.', error))
  // pg-boss and its queues are made by one process at a time.
  const alone = <Result>(work: () => Promise<Result>) => postgres.exclusively('isto layout', work)
  await (isKeeper ? alone(() => boss.start()) : boss.start())
  const known = new Set<string>()

  const createQueue = async (queue: string) => {
    if (known.has(queue)) return
    if (!(await boss.getQueue(queue))) await alone(() => boss.createQueue(queue, queueOptions(queue)))
    known.add(queue)
  }
  if (isKeeper) await createQueue(givenUpQueue)

  return {
    createQueue,
    send: async (at, queue, ticketId, { jobId, turn = 0, retryLimit } = {}) => {
      const options = {
        db: databaseOf(at),
        priority: -turn,
        ...(jobId && { id: jobId }),
        ...(retryLimit !== undefined && { retryLimit }),
      }
      await boss.send(queue, { ticketId }, options)
    },
    move: async (at, queue, jobId, turn) => {
      await boss.update(queue, undefined, { id: jobId, priority: -turn, db: databaseOf(at) })
    },
    fetch: async (at, queue, most = 1) => {
      const jobs = await boss.fetch<{ ticketId: string }>(queue, { batchSize: most, db: databaseOf(at) })
      return jobs.map(({ id, data, retryCount }) => ({ queue, jobId: id, ticketId: data.ticketId, retryCount }))
    },
    complete: async (at, claim) =>
      isOurs(await boss.complete(claim.queue, attemptOf(claim), null, { db: databaseOf(at) })),
    touch: async (claim) => isOurs(await boss.touch(claim.queue, attemptOf(claim))),
    cancel: async (at, queue, jobId) => {
      await boss.cancel(queue, jobId, { db: databaseOf(at) })
    },
    stop: () => boss.stop({ graceful: true, timeout: 5000, close: false }),
  }
}

const day = 24 * 60 * 60

/**
 * A silent worker's job goes to another after 10 to 14 s. What waits is never deleted by pg-boss: a ticket's age is our
 * affair.
 */
function queueOptions(queue: string) {
  const common = {
    heartbeatSeconds: 10,
    expireInSeconds: day - 1,
    retentionSeconds: 365 * day,
    deleteAfterSeconds: 60,
    retryDelay: 0,
  }
  if (queue.startsWith('jobs/')) return { ...common, retryLimit: 1, deadLetter: givenUpQueue }
  // Whoever delivers counts by itself.
  return { ...common, retryLimit: 1000 }
}

const attemptOf = ({ jobId, retryCount }: Claim) => ({ id: jobId, retryCount })

/** pg-boss's types are silent on what it answers. */
const isOurs = (response: object) => (response as { readonly affected: number }).affected === 1

function databaseOf({ run }: Statements) {
  return {
    executeSql: (text: string, values?: readonly unknown[]) => run(text, values).catch(withCode),
  }
}

/** pg-boss looks at Postgres's code. */
const withCode = (error: unknown): never => {
  const { code } = Object((error as Error).cause) as { code?: string }
  throw code === undefined ? error : Object.assign(error as Error, { code })
}
