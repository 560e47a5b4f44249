import { randomUUID } from 'node:crypto'
import type { Postgres, Statements } from '../store/postgres.ts'
import type { Boss, Claim } from './boss.ts'
import { deliveryQueueOf } from './queue-names.ts'
import { endTicket } from './shared-tickets.ts'
import type { Outcome } from './ticket.ts'

/**
 * Result, completion and delivery, for one transaction: all or nothing.
 *
 * @returns false where the job is no longer ours: nothing was changed then
 */
export async function endClaimed(at: Statements, boss: Boss, claim: Claim, outcome: Outcome): Promise<boolean> {
  if (!(await boss.complete(at, claim))) return false
  const ended = await endTicket(at, claim.ticketId, outcome)
  if (!ended) return true
  await boss.send(at, deliveryQueueOf(ended.group), claim.ticketId)
  return true
}

/** The job waits again, for its first attempt if this was the first. */
export async function putBack(postgres: Postgres, boss: Boss, claim: Claim, turn: number): Promise<void> {
  const { queue, ticketId, retryCount } = claim
  await postgres.transaction(async (at) => {
    if (!(await boss.complete(at, claim))) return
    const jobId = randomUUID()
    const [row] = await at.query(
      `UPDATE isto.tickets SET state = 'waiting', job_id = $2, worker = NULL, started_at = NULL
       WHERE id = $1 AND state = 'running' RETURNING id`,
      [ticketId, jobId],
    )
    if (!row) return
    await boss.send(at, queue, ticketId, { jobId, turn, retryLimit: Math.max(0, 1 - retryCount) })
    await at.query(`SELECT pg_notify('isto_work', $1)`, [queue])
  })
}
