import { callHandler } from './call-handler.ts'
import type { Durations } from './durations.ts'
import type { Position, QueueHandlers } from './ticket.ts'
import type { QueueEntry } from './ticket-storage.ts'

interface PositionsOptions<FollowUp> {
  readonly durations: Durations
  /** The running job, if there is one, and then those that wait, in their order. */
  readonly inOrder: () => readonly QueueEntry<FollowUp>[]
  readonly log: (sentence: string, error: unknown) => void
}

interface Positions<FollowUp> {
  readonly now: () => readonly Position<FollowUp>[]
  /** Calls the handler for each place that has changed since. */
  readonly tell: (onPosition: QueueHandlers<FollowUp>['onPosition'] | undefined) => void
}

/** Where the jobs of one process are in its queue. */
export function createPositions<FollowUp>({
  durations,
  inOrder,
  log,
}: PositionsOptions<FollowUp>): Positions<FollowUp> {
  const entriesNow = () => {
    let secondsLeft = 0
    return inOrder().map((entry, ahead) => {
      const { ticket, state, stopwatch } = entry
      const isRunning = state === 'running'
      secondsLeft += isRunning ? stopwatch!.secondsLeft() : durations.expect(ticket.job)
      return { entry, place: { ticket, isRunning, ahead, secondsLeft } }
    })
  }
  return {
    now: () => entriesNow().map(({ place }) => place),
    tell: (onPosition) => {
      for (const { entry, place } of entriesNow()) {
        const told = place.isRunning ? -1 : place.ahead
        // A handler that was called before may have cancelled it.
        if (entry.state === 'ended' || entry.told === told) continue
        entry.told = told
        callHandler(() => onPosition?.(place), log)
      }
    },
  }
}
