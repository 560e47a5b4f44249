import type { Stopwatch } from './durations.ts'
import { failureOf } from './job-error.ts'
import type { Expected, Outcome, StoredOutcome, Ticket } from './ticket.ts'

export interface TicketRecord<FollowUp = unknown> {
  readonly ticket: Ticket<FollowUp>
  /** How often it was started, including the current run. */
  readonly attempts: number
  readonly state: 'waiting' | 'running' | 'ended'
  /** The outcome of a job that has ended. */
  readonly outcome?: StoredOutcome
  /** How often its delivery was started. */
  readonly deliveries?: number
}

/** What is stored of a command that is not a job yet. */
export interface ExpectedRecord<FollowUp = unknown> {
  readonly expected: Expected<FollowUp>
}

/** Where tickets outlive the process. Records survive v8.serialize. */
export interface TicketStorage {
  readonly put: (id: string, record: TicketRecord | ExpectedRecord) => Promise<void>
  readonly remove: (id: string) => Promise<void>
  readonly all: <Record extends object>() => Promise<Record[]>
}

/** A ticket in the queue of this process. */
export interface QueueEntry<FollowUp> {
  readonly ticket: Ticket<FollowUp>
  readonly controller: AbortController
  attempts: number
  state: TicketRecord['state']
  /** Set while it runs. */
  stopwatch?: Stopwatch
  /** What `onPosition` was last called with: jobs ahead, or −1 when running. */
  told?: number
  /** The latest write. */
  written: Promise<void>
}

export const createEntry = <FollowUp>(ticket: Ticket<FollowUp>, attempts: number): QueueEntry<FollowUp> => ({
  ticket,
  attempts,
  state: 'waiting',
  controller: new AbortController(),
  written: Promise.resolve(),
})

export interface TicketWriter<FollowUp> {
  /** @param deliveries How often its delivery was started, with this time. */
  readonly keep: (entry: QueueEntry<FollowUp>, outcome?: StoredOutcome, deliveries?: number) => Promise<void>
  readonly remove: (entry: QueueEntry<FollowUp>) => Promise<void>
  /** Counts other work to what `settled` waits for. */
  readonly watch: (work: Promise<void>) => void
  /** Resolves when every write and all watched work has ended. */
  readonly settled: () => Promise<unknown>
}

/** Writes of one ticket follow one another. */
export function createTicketWriter<FollowUp>(tickets: TicketStorage): TicketWriter<FollowUp> {
  const unfinished = new Set<Promise<void>>()
  const watch = (work: Promise<void>) => {
    const forget = () => void unfinished.delete(work)
    unfinished.add(work)
    work.then(forget, forget)
  }
  const write = (entry: QueueEntry<FollowUp>, action: () => Promise<void>): Promise<void> => {
    entry.written = entry.written.catch(() => {}).then(action)
    watch(entry.written)
    return entry.written
  }
  return {
    keep: (entry, outcome, deliveries) => {
      const { ticket, attempts, state } = entry
      const record: TicketRecord<FollowUp> = { ticket, attempts, state, ...(outcome && { outcome, deliveries }) }
      return write(entry, () => tickets.put(ticket.id, record))
    },
    remove: (entry) => write(entry, () => tickets.remove(entry.ticket.id)),
    watch,
    settled: () => Promise.allSettled(unfinished),
  }
}

export const stored = (outcome: Outcome): StoredOutcome =>
  outcome.type === 'failed' ? { type: 'failed', failure: failureOf(outcome.error) } : outcome
