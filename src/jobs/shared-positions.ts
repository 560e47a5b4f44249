import type { Statements } from '../store/postgres.ts'
import { type TicketRow, ticketColumns, ticketOf } from './shared-tickets.ts'
import type { Position, Ticket } from './ticket.ts'
import { silenceMilliseconds } from './workers.ts'

// Where tickets are in the queue that bots and workers share.

/** A place without its ticket. */
type Spot = Omit<Position, 'ticket'> & { readonly id: string }

/**
 * Of those of `column` = `value`. Each model has a queue of its own; `secondsLeft` counts on every live worker that has it.
 */
export async function readSpots(
  { query }: Statements,
  column: 'bot_group' | 'scope' | 'person' | undefined,
  value: string | undefined,
  now: number,
): Promise<readonly Spot[]> {
  const rows = await query<{ id: string; state: string; ahead: string; seconds: number }>(
    `WITH spots AS (
       SELECT id, ${column ?? "''"} AS whose, state, expected_seconds, queue,
         row_number() OVER in_turns - 1 AS ahead,
         sum(greatest(0, expected_seconds - coalesce(($1 - started_at) / 1000.0, 0))) OVER in_turns AS work
       FROM isto.tickets WHERE state IN ('waiting', 'running')
       WINDOW in_turns AS (PARTITION BY queue ORDER BY state, turn, placed_at, id ROWS UNBOUNDED PRECEDING)
     ), hands AS (
       SELECT queue, count(*) AS workers FROM isto.workers, unnest(queues) AS queue WHERE seen_at > $2 GROUP BY queue
     )
     SELECT id, state, ahead, greatest(expected_seconds, work / greatest(1, coalesce(workers, 1))) AS seconds
     FROM spots LEFT JOIN hands USING (queue) ${column ? 'WHERE whose = $3' : ''} ORDER BY ahead`,
    [now, now - silenceMilliseconds, ...(column ? [value] : [])],
  )
  return rows.map(({ id, state, ahead, seconds }) => ({
    id,
    isRunning: state === 'running',
    ahead: Number(ahead),
    secondsLeft: seconds,
  }))
}

/** Tickets without their pictures. */
export async function readTickets<FollowUp>(
  { query }: Statements,
  ids: readonly string[],
): Promise<ReadonlyMap<string, Ticket<FollowUp>>> {
  if (ids.length === 0) return new Map()
  const rows = await query<TicketRow>(
    `SELECT ${ticketColumns} FROM isto.tickets t JOIN isto.follow_ups f USING (id) WHERE id = ANY($1) AND state IN ('waiting', 'running')`,
    [ids],
  )
  return new Map(rows.map((row) => [row.id, ticketOf<FollowUp>(row)]))
}

/** The jobs of a scope, in the order in which they will run. */
export async function readPositions<FollowUp>(
  statements: Statements,
  column: 'scope' | 'person',
  value: string,
  now: number,
): Promise<readonly Position<FollowUp>[]> {
  const spots = await readSpots(statements, column, value, now)
  const tickets = await readTickets<FollowUp>(
    statements,
    spots.map(({ id }) => id),
  )
  return spots.flatMap(({ id, ...spot }) => {
    const ticket = tickets.get(id)
    return ticket ? { ticket, ...spot } : []
  })
}

/** Those that wait or run. */
export async function countJobs({ query }: Statements): Promise<number> {
  const [row] = await query<{ count: string }>(
    `SELECT count(*) FROM isto.tickets WHERE state IN ('waiting', 'running')`,
  )
  return Number(row?.count)
}
