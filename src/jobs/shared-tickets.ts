import type { Statements } from '../store/postgres.ts'
import { putTogether, takeApart } from './bytes-apart.ts'
import { failureOf } from './job-error.ts'
import type { Job } from './protocol.ts'
import type { Expected, Outcome, StoredOutcome, Ticket } from './ticket.ts'

// Statements on the tickets that bots and workers share. Pictures are written once, and read only for whoever computes
// or delivers.

export interface TicketRow {
  readonly id: string
  readonly scope: string
  readonly person: string
  readonly placed_at: string
  readonly job: Uint8Array
  readonly follow_up: Uint8Array
}

export const ticketColumns = 't.id, t.scope, t.person, t.placed_at, t.job, f.follow_up'

export function ticketOf<FollowUp>(row: TicketRow, bytes?: readonly Uint8Array[]): Ticket<FollowUp> {
  const { id, scope, person, placed_at, job, follow_up } = row
  return {
    id,
    scope,
    person,
    placedAt: Number(placed_at),
    job: putTogether<Job>(job, bytes),
    followUp: putTogether<FollowUp>(follow_up, bytes),
  }
}

export async function writeExpected({ query }: Statements, group: string, expected: Expected): Promise<void> {
  const { id, scope, person, placedAt, followUp } = expected
  await query(
    `INSERT INTO isto.tickets (id, scope, person, placed_at, bot_group, state) VALUES ($1, $2, $3, $4, $5, 'expected')
     ON CONFLICT (id) DO NOTHING`,
    [id, scope, person, placedAt, group],
  )
  await writeFollowUp(query, id, takeApart(followUp).frames[0]!)
}

export async function writeTicket(
  { query }: Statements,
  { id, scope, person, placedAt, job, followUp }: Ticket,
  row: {
    readonly group: string
    readonly queue: string
    readonly jobId: string
    readonly turn: number
    readonly seconds: number
  },
): Promise<void> {
  const { frames, bytes } = takeApart(job, followUp)
  await query(
    `INSERT INTO isto.tickets
       (id, scope, person, placed_at, bot_group, state, queue, job_id, turn, job, expected_seconds)
     VALUES ($1, $2, $3, $4, $5, 'waiting', $6, $7, $8, $9, $10)
     ON CONFLICT (id) DO UPDATE SET state = 'waiting', queue = $6, job_id = $7, turn = $8, job = $9,
       expected_seconds = $10 WHERE isto.tickets.state = 'expected'`,
    [id, scope, person, placedAt, row.group, row.queue, row.jobId, row.turn, frames[0], row.seconds],
  )
  await writeFollowUp(query, id, frames[1]!)
  if (bytes.length === 0) return
  const pictures = bytes.map((_, number) => `($1, ${number}, $${number + 2})`).join(', ')
  await query(`INSERT INTO isto.pictures (id, number, bytes) VALUES ${pictures}`, [id, ...bytes])
}

const writeFollowUp = (query: Statements['query'], id: string, frame: Uint8Array) =>
  query(
    `INSERT INTO isto.follow_ups (id, follow_up) VALUES ($1, $2)
     ON CONFLICT (id) DO UPDATE SET follow_up = excluded.follow_up`,
    [id, frame],
  )

async function bytesOf({ query }: Statements, table: 'pictures' | 'results', id: string) {
  const rows = await query<{ bytes: Uint8Array }>(`SELECT bytes FROM isto.${table} WHERE id = $1 ORDER BY number`, [id])
  return rows.map(({ bytes }) => new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength))
}

/** The job with its pictures, for a worker. */
export async function readJob(statements: Statements, id: string): Promise<Job | undefined> {
  const [[row], pictures] = await Promise.all([
    statements.query<{ job: Uint8Array | null }>('SELECT job FROM isto.tickets WHERE id = $1', [id]),
    bytesOf(statements, 'pictures', id),
  ])
  return row?.job ? putTogether<Job>(row.job, pictures) : undefined
}

interface Ended<FollowUp> {
  readonly ticket: Ticket<FollowUp>
  readonly outcome: StoredOutcome
  /** How often its delivery was started before. */
  readonly deliveries: number
}

/** A ticket with its pictures and what came of it, for whoever delivers. Counts that. */
export async function readEnded<FollowUp>(
  statements: Statements,
  id: string,
  group: string,
): Promise<Ended<FollowUp> | undefined> {
  const [row] = await statements.query<TicketRow & { outcome: Uint8Array; deliveries: number }>(
    `UPDATE isto.tickets t SET deliveries = t.deliveries + 1 FROM isto.follow_ups f
     WHERE t.id = $1 AND f.id = $1 AND bot_group = $2 AND state = 'ended'
     RETURNING ${ticketColumns}, t.outcome, t.deliveries`,
    [id, group],
  )
  if (!row) return undefined
  const [pictures, results] = await Promise.all([
    bytesOf(statements, 'pictures', id),
    bytesOf(statements, 'results', id),
  ])
  return {
    ticket: ticketOf(row, pictures),
    outcome: putTogether(row.outcome, results),
    deliveries: row.deliveries - 1,
  }
}

/** pg-boss's job of a ticket that waits or runs. */
export async function findJob(
  { query }: Statements,
  id: string,
): Promise<{ readonly queue: string; readonly jobId: string } | undefined> {
  const [row] = await query<{ queue: string; jobId: string }>(
    `SELECT queue, job_id AS "jobId" FROM isto.tickets WHERE id = $1 AND state IN ('waiting', 'running')`,
    [id],
  )
  return row
}

/** @returns where its end is to be delivered; undefined where it ended before, or there is no such ticket */
export async function endTicket(
  { query }: Statements,
  id: string,
  outcome: Outcome,
): Promise<{ readonly group: string } | undefined> {
  const stored: StoredOutcome =
    outcome.type === 'failed' ? { type: 'failed', failure: failureOf(outcome.error) } : outcome
  const { frames, bytes } = takeApart(stored)
  const pictures = bytes.map((_, number) => `(${number}, $${number + 3}::bytea)`).join(', ')
  const [row] = await query<{ bot_group: string }>(
    `WITH ended AS (
       UPDATE isto.tickets SET state = 'ended', outcome = $2 WHERE id = $1 AND state IN ('waiting', 'running')
       RETURNING bot_group
     ), done AS (DELETE FROM isto.progress WHERE id = $1)
     ${pictures && `, kept AS (INSERT INTO isto.results (id, number, bytes) SELECT $1, p.* FROM ended, (VALUES ${pictures}) p)`}
     SELECT bot_group, pg_notify('isto_ended', bot_group) FROM ended`,
    [id, frames[0], ...bytes],
  )
  return row && { group: row.bot_group }
}

export async function readExpected<FollowUp>(
  { query }: Statements,
  group: string,
): Promise<readonly Expected<FollowUp>[]> {
  const rows = await query<TicketRow>(
    `SELECT id, scope, person, placed_at, follow_up FROM isto.tickets JOIN isto.follow_ups USING (id)
     WHERE bot_group = $1 AND state = 'expected'`,
    [group],
  )
  return rows.map(({ id, scope, person, placed_at, follow_up }) => ({
    id,
    scope,
    person,
    placedAt: Number(placed_at),
    followUp: putTogether<Partial<FollowUp>>(follow_up),
  }))
}

/** With all that belongs to them. */
export async function removeTicket({ query }: Statements, id: string): Promise<void> {
  await query('DELETE FROM isto.tickets WHERE id = $1', [id])
}

/** Unless it has become a job. */
export async function removeExpected({ query }: Statements, id: string): Promise<void> {
  await query(`DELETE FROM isto.tickets WHERE id = $1 AND state = 'expected'`, [id])
}
