import type { Postgres, Statements } from '../store/postgres.ts'
import type { Boss, Claim } from './boss.ts'
import { chooseQueue, type Head } from './choose-queue.ts'
import { endClaimed } from './end-job.ts'
import { jobQueueOf } from './queue-names.ts'
import { noteServed } from './shared-adding.ts'
import { dayMilliseconds, tooOld } from './ticket.ts'
import type { Waiting } from './turns.ts'

/** A ticket that this worker computes. */
export interface Running {
  readonly claim: Claim
  readonly ticketId: string
  readonly group: string
  readonly turn: number
  readonly model: string
  readonly controller: AbortController
}

interface Claiming {
  readonly postgres: Postgres
  readonly boss: Boss
  /** Of the worker. */
  readonly id: string
  readonly models: readonly string[]
  /** The model that is loaded. */
  readonly loaded: string | undefined
  readonly longestWaitMilliseconds: number
}

/** Takes the job that this worker should compute next, if there is one. */
export async function claimJob(claiming: Claiming): Promise<Running | undefined> {
  const { postgres, boss, id, models, loaded, longestWaitMilliseconds } = claiming
  const heads = models.length > 1 ? await headsOf(postgres, models) : []
  const chosen = chooseQueue(heads, loaded, Date.now(), longestWaitMilliseconds)
  // A worker that was killed left its job to pg-boss, which gives it to whoever asks.
  const inOrder = chosen ? [chosen] : models.toSorted((one) => (one === loaded ? -1 : 1))
  for (const model of inOrder) {
    const claimed = await postgres.transaction((at) => claim(at, boss, jobQueueOf(model), id))
    if (claimed) return { ...claimed, controller: new AbortController(), model }
  }
  return undefined
}

/** Heads of the queues of these models. */
async function headsOf({ query }: Statements, models: readonly string[]): Promise<readonly Head[]> {
  const modelOf = new Map(models.map((model) => [jobQueueOf(model), model]))
  const rows = await query<{ queue: string; turn: string; placed_at: string }>(
    `SELECT DISTINCT ON (queue) queue, turn, placed_at FROM isto.tickets
     WHERE state = 'waiting' AND queue = ANY($1) ORDER BY queue, turn, placed_at`,
    [[...modelOf.keys()]],
  )
  return rows.map(({ queue, turn, placed_at }) => ({
    model: modelOf.get(queue)!,
    turn: Number(turn),
    placedAt: Number(placed_at),
  }))
}

/** Takes the first job of a queue, if there is one that is still wanted. */
async function claim(
  at: Statements,
  boss: Boss,
  queue: string,
  worker: string,
): Promise<Pick<Running, 'claim' | 'ticketId' | 'group' | 'turn'> | undefined> {
  const [mine] = await boss.fetch(at, queue)
  if (!mine) return undefined
  const { ticketId } = mine
  const [row] = await at.query<Waiting & { bot_group: string; turn: string; placed_at: string }>(
    `UPDATE isto.tickets SET state = 'running', worker = $2, started_at = $3
     WHERE id = $1 AND state IN ('waiting', 'running') RETURNING id, scope, person, bot_group, turn, placed_at`,
    [ticketId, worker, Date.now()],
  )
  if (row && Date.now() - Number(row.placed_at) <= dayMilliseconds) {
    await noteServed(at, row, Number(row.turn))
    return { claim: mine, ticketId, group: row.bot_group, turn: Number(row.turn) }
  }
  if (row) await endClaimed(at, boss, mine, { type: 'stopped', reason: tooOld })
  else await boss.complete(at, mine)
  return undefined
}
