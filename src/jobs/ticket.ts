import type { Limits } from './limits.ts'
import type { Failure, Job, JobResult, Progress } from './protocol.ts'

/** A job, whose it is, and what is to be done with its result. Plain data: it outlives the process. */
export interface Ticket<FollowUp = unknown> {
  readonly id: string
  readonly person: string
  /** The server, or `@` and the person in direct messages. */
  readonly scope: string
  readonly job: Job
  /** What is to be done with the result: plain data of whoever placed it. */
  readonly followUp: FollowUp
  /** Milliseconds since 1970. */
  readonly placedAt: number
}

/** A call that is to become a job: what is known of it before its pictures are fetched. */
export interface Expected<FollowUp = unknown> extends Omit<Ticket<FollowUp>, 'job' | 'followUp'> {
  readonly followUp: Partial<FollowUp>
}

export type Outcome =
  | { readonly type: 'done'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly error: Error }
  /** Cancelled, too old, or given up; `reason` is a sentence for the person. */
  | { readonly type: 'stopped'; readonly reason: string }

/** An outcome as plain data. */
export type StoredOutcome =
  | Exclude<Outcome, { readonly type: 'failed' }>
  | { readonly type: 'failed'; readonly failure: Failure }

export interface Place<FollowUp = unknown> {
  /** Byte arrays in it may be empty: a place is no way to the pictures. */
  readonly ticket: Ticket<FollowUp>
  readonly isRunning: boolean
  /** Jobs that will have begun before this one, the running ones included. */
  readonly ahead: number
  /** Until it ends, told from measured durations. */
  readonly secondsLeft: number
}

export interface QueueHandlers<FollowUp = unknown> {
  /** Called when a ticket gets a place, and on every change of `ahead` or `isRunning`. */
  readonly onPlace: (place: Place<FollowUp>) => void
  /** Byte arrays in the ticket may be empty. */
  readonly onProgress: (ticket: Ticket<FollowUp>, progress: Progress, secondsLeft: number) => void
  /**
  Awaited before the ticket is forgotten; after a crash it may come a second time for the same ticket. A rejection is
  logged, and the ticket is forgotten all the same.
  */
  readonly onEnd: (ticket: Ticket<FollowUp>, outcome: Outcome) => Promise<void>
  /** An earlier process was killed before this call became a job, and will never answer it. Awaited as `onEnd` is. */
  readonly onInterrupted: (expected: Expected<FollowUp>) => Promise<void>
}

export interface Queue<FollowUp = unknown> {
  /** Reads what was left and goes on with it. To be awaited before anything else. */
  readonly open: (handlers: QueueHandlers<FollowUp>) => Promise<void>
  /**
  On disk when it resolves, until `add` or `release` with the same id: to be awaited before a person is told to wait. It
  may be called again when more is known.

  @throws UserError when the line takes no more jobs
  */
  readonly expect: (expected: Expected<FollowUp>) => Promise<void>
  /** There will be no job, or there is one: nothing more is expected of this id. */
  readonly release: (id: string) => Promise<void>
  /**
  On disk when it resolves.

  @throws UserError when the line, or the person's or the server's share of it, is full; it says the expected wait.
  */
  readonly add: (ticket: Ticket<FollowUp>, limits?: Pick<Limits, 'person' | 'scope'>) => Promise<void>
  /** Waiting or running; `reason` is a sentence for the person. @returns false when there is no such job */
  readonly cancel: (id: string, reason: string) => Promise<boolean>
  /** Of one scope, in the order in which they will run, unless more come. */
  readonly places: (scope: string) => Promise<readonly Place<FollowUp>[]>
  /** Jobs of all scopes that wait or run. */
  readonly length: () => Promise<number>
  /**
  Stops taking jobs; the running one is put back, not counted as an attempt. Everything stays on disk for the next start.
  Resolves when what was being written or delivered is.
  */
  readonly park: () => Promise<void>
}

/** A job older than this is let go. */
export const dayMilliseconds = 24 * 60 * 60 * 1000

// Sentences for the person whose job was stopped.
export const tooOld =
  'I am sorry: this waited for more than a day, so I let it go. Please send it again if you still want it.'
export const gaveUp = 'I am sorry: I was interrupted twice while I worked on this, so I let it go.'
export const restarting = 'I am being restarted: please send it again in a minute.'
