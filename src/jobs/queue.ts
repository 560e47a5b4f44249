import type { Failure, Job, JobResult, Progress } from './protocol.ts'
import type { Run } from './worker-client.ts'

/** A job, whose it is, and what is to be done with its result. Plain data: it is kept on disk. */
export interface Ticket {
  readonly id: string
  readonly person: string
  /** The server, or `@` and the person in direct messages. */
  readonly scope: string
  readonly job: Job
  /** What is to be done with the result: plain data of whoever placed it. */
  readonly errand: unknown
  /** Milliseconds since 1970. */
  readonly placedAt: number
}

export type Outcome =
  | { readonly type: 'done'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly error: Error }
  /** Cancelled, too old, or given up; `reason` is a sentence for the person. */
  | { readonly type: 'stopped'; readonly reason: string }

export interface Place {
  readonly ticket: Ticket
  readonly isRunning: boolean
  /** Jobs that will have run before this one, the running one included. */
  readonly ahead: number
  /** Until it ends, told from measured durations. */
  readonly secondsLeft: number
}

export interface QueueHandlers {
  /** Called when a ticket gets a place, and on every change of `ahead` or `isRunning`. */
  readonly onPlace: (place: Place) => void
  readonly onProgress: (ticket: Ticket, progress: Progress, secondsLeft: number) => void
  /**
  Awaited before the ticket is forgotten; after a crash it may come a second time for the same ticket. A rejection is
  logged, and the ticket is forgotten all the same.
  */
  readonly onEnd: (ticket: Ticket, outcome: Outcome) => Promise<void>
}

export interface Limits {
  /** Jobs of one person, waiting or running, wherever they were placed. @default 5 */
  readonly person: number
  /** Jobs of one server. @default 20 */
  readonly scope: number
  /** Jobs in all. @default 60 */
  readonly all: number
}

export interface Queue {
  /** Reads what was left and goes on with it. To be awaited before anything else. */
  readonly open: (handlers: QueueHandlers) => Promise<void>
  /**
  On disk when it resolves.

  @throws UserError when the line, or the person's or the server's share of it, is full; it says the expected wait.
  */
  readonly add: (ticket: Ticket, limits?: Partial<Pick<Limits, 'person' | 'scope'>>) => Promise<void>
  /** Waiting or running; `reason` is a sentence for the person. @returns false when there is no such job */
  readonly cancel: (id: string, reason: string) => boolean
  /** In the order in which they will run, unless more come. */
  readonly places: () => readonly Place[]
  /**
  Stops taking jobs; the running one is put back, not counted as an attempt. Everything stays on disk for the next start.
  Resolves when the results that were under way are delivered.
  */
  readonly park: () => Promise<void>
}

export interface TicketRecord {
  readonly ticket: Ticket
  /** Runs that were begun, the present one included. */
  readonly attempts: number
  readonly state: 'waiting' | 'running' | 'ended'
  /** Of an ended one. */
  readonly outcome?: StoredOutcome
}

/** An outcome as plain data. */
export type StoredOutcome =
  | Exclude<Outcome, { readonly type: 'failed' }>
  | { readonly type: 'failed'; readonly failure: Failure }

/** Where tickets outlive the process. Records survive v8.serialize. */
export interface TicketStorage {
  readonly put: (id: string, record: TicketRecord) => Promise<void>
  readonly remove: (id: string) => Promise<void>
  readonly all: () => Promise<TicketRecord[]>
}

export interface QueueOptions {
  readonly run: Run
  readonly tickets: TicketStorage
  /** Told what went wrong besides the jobs themselves: a disk that can't be written, a handler that failed. */
  readonly log: (sentence: string, error: unknown) => void
  readonly limits?: Partial<Limits>
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number
}

export function createQueue(_options: QueueOptions): Queue {
  throw new Error('The line is being rebuilt.')
}
