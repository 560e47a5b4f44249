import { errorOf } from './job-error.ts'
import { type Expected, type Outcome, type QueueHandlers, type StoredOutcome, undelivered } from './ticket.ts'
import type { QueueEntry, TicketStorage, TicketWriter } from './ticket-storage.ts'

interface DeliveriesOptions<FollowUp> {
  readonly tickets: TicketStorage
  readonly writer: TicketWriter<FollowUp>
  readonly log: (sentence: string, error: unknown) => void
}

/** Hands over what came of the tickets of this process, and forgets them then. */
export interface Deliveries<FollowUp> {
  readonly open: (handlers: Pick<QueueHandlers<FollowUp>, 'onEnd' | 'onInterrupted'>) => void
  readonly deliver: (entry: QueueEntry<FollowUp>, outcome: Outcome) => void
  /** @param before How often its delivery was started by earlier processes. */
  readonly deliverAgain: (entry: QueueEntry<FollowUp>, outcome: StoredOutcome, before: number) => Promise<void>
  readonly interrupt: (expected: Expected<FollowUp>) => void
  /** None is begun any more; the next start goes on. */
  readonly stop: () => void
}

export function createDeliveries<FollowUp>({
  tickets,
  writer,
  log,
}: DeliveriesOptions<FollowUp>): Deliveries<FollowUp> {
  let handlers: Parameters<Deliveries<FollowUp>['open']>[0] | undefined
  let isStopped = false

  const deliver: Deliveries<FollowUp>['deliver'] = (entry, outcome) => {
    if (isStopped) return
    const delivery = (async () => handlers?.onEnd(entry.ticket, outcome))()
      .catch((error: unknown) => log('A result could not be delivered.', error))
      .then(() => writer.remove(entry))
      .catch((error: unknown) => log('A ticket could not be deleted.', error))
    writer.watch(delivery)
  }

  return {
    open: (given) => {
      handlers = given
    },
    deliver,
    deliverAgain: async (entry, given, before) => {
      const outcome = afterDeliveries(given, before)
      if (!outcome) {
        log(`A result was dropped after ${before} attempts to deliver it.`, undefined)
        return writer.remove(entry).catch(() => {})
      }
      await writer
        .keep(entry, outcome, before + 1)
        .catch((error: unknown) => log('A delivery could not be stored.', error))
      deliver(entry, outcome.type === 'failed' ? { type: 'failed', error: errorOf(outcome.failure) } : outcome)
    },
    interrupt: (expected) => {
      const told = (async () => handlers?.onInterrupted(expected))()
        .catch((error: unknown) => log('An interrupted command could not be answered.', error))
        .then(() => tickets.remove(expected.id))
        .catch((error: unknown) => log('A ticket could not be deleted.', error))
      writer.watch(told)
    },
    stop: () => {
      isStopped = true
    },
  }
}

/**
 * A delivery that crashes the process must not do so forever: a sentence takes the result's place, then nothing does.
 *
 * @param before How often the delivery was started before.
 */
export function afterDeliveries(outcome: StoredOutcome, before: number): StoredOutcome | undefined {
  if (before >= MOST_TELLINGS) return undefined
  if (before < MOST_DELIVERIES || outcome.type !== 'done') return outcome
  return { type: 'stopped', reason: undelivered, canRetry: true }
}

const MOST_DELIVERIES = 3
const MOST_TELLINGS = 10
