import type { Statements } from '../store/postgres.ts'
import { createDurations } from './durations.ts'
import type { Job } from './protocol.ts'

const guesses = createDurations(Date.now)

/** Seconds that a job like this takes: the median of the last ones, on whatever they ran, or a guess. */
export async function expectSeconds({ query }: Statements, job: Job): Promise<number> {
  const [row] = await query<{ median: number | null }>(
    `SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY seconds) AS median
     FROM (SELECT seconds FROM isto.durations WHERE key = $1 ORDER BY at DESC LIMIT 9) AS last`,
    [keyOf(job)],
  )
  return row?.median ?? guesses.expect(job)
}

/** A job took this long on a device. Of each key the last ones are kept. */
export async function noteSeconds({ query }: Statements, job: Job, device: string, seconds: number): Promise<void> {
  await query(
    `WITH gone AS (
       DELETE FROM isto.durations WHERE key = $1 AND device = $2 AND at <= (
         SELECT at FROM isto.durations WHERE key = $1 AND device = $2 ORDER BY at DESC OFFSET 8 LIMIT 1
       )
     ) INSERT INTO isto.durations (key, device, seconds, at) VALUES ($1, $2, $3, $4)`,
    [keyOf(job), device, seconds, Date.now()],
  )
}

const keyOf = ({ kind, options: { model, mode, steps } }: Job) => JSON.stringify([kind, model, mode, steps])
