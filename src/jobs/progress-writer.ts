import { setTimeout as sleep } from 'node:timers/promises'
import { serialize } from 'node:v8'
import type { Statements } from '../store/postgres.ts'
import type { Progress } from './protocol.ts'

export interface ProgressWriter {
  readonly push: (progress: Progress, secondsLeft: number) => void
  /** Drops what waits; resolves when nothing is under way. */
  readonly stop: () => Promise<void>
}

/** Writes the newest progress of a ticket, one write at a time; a preview is kept until it is written. The group is told. */
export function createProgressWriter(
  { query }: Statements,
  id: string,
  group: string,
  onError: (error: unknown) => void,
): ProgressWriter {
  const stopped = new AbortController()
  let waiting: { readonly progress: Progress; readonly secondsLeft: number } | undefined
  let underWay: Promise<void> | undefined
  const write = async () => {
    while (waiting && !stopped.signal.aborted) {
      const { progress, secondsLeft } = waiting
      waiting = undefined
      await query(
        `WITH written AS (
           INSERT INTO isto.progress (id, progress, seconds_left) VALUES ($1, $2, $3)
           ON CONFLICT (id) DO UPDATE SET progress = excluded.progress, seconds_left = excluded.seconds_left RETURNING id
         ) SELECT pg_notify('isto_progress', $4 || ' ' || id) FROM written`,
        [id, serialize(progress), secondsLeft, group],
      )
      await sleep(gapMilliseconds, undefined, { signal: stopped.signal }).catch(() => {})
    }
  }
  return {
    push: (progress, secondsLeft) => {
      const preview = progress.preview ?? waiting?.progress.preview
      waiting = { progress: preview ? { ...progress, preview } : progress, secondsLeft }
      underWay ??= write()
        .catch(onError)
        .finally(() => {
          underWay = undefined
        })
    },
    stop: async () => {
      stopped.abort()
      await underWay
    },
  }
}

/** At least between two writes of one job; messages are edited less often still. */
const gapMilliseconds = 1000
