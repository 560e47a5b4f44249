import { deserialize } from 'node:v8'
import type { Postgres } from '../store/postgres.ts'
import { callHandler } from './call-handler.ts'
import { createPoll } from './poll.ts'
import type { Progress } from './protocol.ts'
import { readSpots, readTickets } from './shared-positions.ts'
import type { QueueHandlers, Ticket } from './ticket.ts'

interface NewsOptions<FollowUp> {
  readonly postgres: Postgres
  readonly group: string
  readonly handlers: Pick<QueueHandlers<FollowUp>, 'onPosition' | 'onProgress'>
  readonly log: (sentence: string, error: unknown) => void
  readonly pollMilliseconds: number
}

/** Positions and progress of a group's jobs, for its handlers. */
export interface News {
  /** Positions may have changed. */
  readonly lookSoon: () => void
  /** The job has ended: nothing more is told of it. */
  readonly forget: (id: string) => void
  readonly stop: () => Promise<void>
}

export async function tellNews<FollowUp>(options: NewsOptions<FollowUp>): Promise<News> {
  const { postgres, group, handlers, log, pollMilliseconds } = options
  /** Without their pictures; `told` as in ticket-storage.ts. */
  const seen = new Map<string, { readonly ticket: Ticket<FollowUp>; told?: number }>()
  /** Since the look that is under way began: what it has read of them is old. */
  const endedMeanwhile = new Set<string>()
  let looks = 0
  let isOver = false

  /** Nothing is told of a job after its end, however long a statement takes. */
  const look = async (work: () => Promise<void>) => {
    looks++
    try {
      await work()
    } finally {
      if (--looks === 0) endedMeanwhile.clear()
    }
  }

  const meet = async (ids: readonly string[]) => {
    for (const [id, ticket] of await readTickets<FollowUp>(postgres, ids)) {
      if (!endedMeanwhile.has(id)) seen.set(id, seen.get(id) ?? { ticket })
    }
  }

  const tellPositions = async () => {
    const spots = await readSpots(postgres, 'bot_group', group, Date.now())
    await meet(spots.map(({ id }) => id).filter((id) => !seen.has(id)))
    for (const { id, ...spot } of spots) {
      const entry = seen.get(id)
      const told = spot.isRunning ? -1 : spot.ahead
      if (!entry || entry.told === told || isOver) continue
      entry.told = told
      callHandler(() => handlers.onPosition({ ticket: entry.ticket, ...spot }), log)
    }
  }

  const tellProgress = async (id: string) => {
    if (isOver) return
    if (!seen.has(id)) await meet([id])
    const [row] = await postgres.query<{ progress: Uint8Array; seconds_left: number }>(
      'SELECT progress, seconds_left FROM isto.progress WHERE id = $1',
      [id],
    )
    const entry = seen.get(id)
    // It may have been delivered meanwhile.
    if (!row || !entry) return
    entry.told = -1
    const progress = deserialize(row.progress) as Progress
    callHandler(() => handlers.onProgress(entry.ticket, progress, row.seconds_left), log)
  }

  const poll = createPoll(
    pollMilliseconds,
    () => look(tellPositions),
    (error) => log('Positions in the queue could not be reported.', error),
  )
  const unlisten = [
    await postgres.listen('isto_places', poll.soon),
    await postgres.listen('isto_progress', (payload) => {
      const [to, id] = payload.split(' ')
      if (to === group && id)
        void look(() => tellProgress(id)).catch((error: unknown) => log('Progress could not be reported.', error))
    }),
  ]
  return {
    lookSoon: poll.soon,
    forget: (id) => {
      seen.delete(id)
      if (looks > 0) endedMeanwhile.add(id)
    },
    stop: async () => {
      isOver = true
      await Promise.allSettled([poll.stop(), ...unlisten.map((end) => end())])
    },
  }
}
