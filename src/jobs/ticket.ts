import { type Sentence, template } from '../sentence.ts'
import type { Limits } from './limits.ts'
import type { Failure, Job, JobResult, Progress } from './protocol.ts'

/** A job, its owner, and what to do with its result. Plain data: it outlives the process. */
export interface Ticket<FollowUp = unknown> {
  readonly id: string
  readonly person: string
  /** The server, or `@` and the person in direct messages. */
  readonly scope: string
  readonly job: Job
  /** What to do with the result: plain data of the caller. */
  readonly followUp: FollowUp
  /** Milliseconds since 1970. */
  readonly placedAt: number
}

/** A command that is to become a job: what is known about it before its pictures are downloaded. */
export interface Expected<FollowUp = unknown> extends Omit<Ticket<FollowUp>, 'job' | 'followUp'> {
  readonly followUp: Partial<FollowUp>
}

export type Outcome =
  | { readonly type: 'done'; readonly result: JobResult }
  | { readonly type: 'failed'; readonly error: Error }
  /** Cancelled, too old, or given up; `reason` is a sentence for the person. */
  | {
      readonly type: 'stopped'
      readonly reason: string | Sentence
      /** Nobody wanted it stopped. @default false */
      readonly canRetry?: boolean
    }

/** An outcome as plain data. */
export type StoredOutcome =
  | Exclude<Outcome, { readonly type: 'failed' }>
  | { readonly type: 'failed'; readonly failure: Failure }

export interface Position<FollowUp = unknown> {
  /** Byte arrays in the ticket may be empty: a place doesn't give access to the pictures. */
  readonly ticket: Ticket<FollowUp>
  readonly isRunning: boolean
  /** Jobs that will have started before this one, including running ones. */
  readonly ahead: number
  /** Until it ends, estimated from measured durations. */
  readonly secondsLeft: number
}

/** What a worker on this machine or another is, as it says itself. */
export interface WorkerFacts {
  readonly id: string
  /** Of its machine. */
  readonly name: string
  readonly models: readonly string[]
  readonly device?: string
  /** The model that it has loaded. */
  readonly loaded?: string
  readonly isBusy: boolean
}

export interface QueueHandlers<FollowUp = unknown> {
  /** Called when a ticket gets a place, and on every change of `ahead` or `isRunning`. */
  readonly onPosition: (place: Position<FollowUp>) => void
  /** Byte arrays in the ticket may be empty. */
  readonly onProgress: (ticket: Ticket<FollowUp>, progress: Progress, secondsLeft: number) => void
  /**
   * Awaited before the ticket is forgotten. After a crash it may be called a second time for the same ticket. If it
   * rejects, that is logged and the ticket is forgotten all the same.
   */
  readonly onEnd: (ticket: Ticket<FollowUp>, outcome: Outcome) => Promise<void>
  /**
   * An earlier process was killed before this command became a job, so it will never be answered. Awaited like `onEnd`.
   */
  readonly onInterrupted: (expected: Expected<FollowUp>) => Promise<void>
}

export interface Queue<FollowUp = unknown> {
  /** Reads what was left and continues with it. Await it before anything else. */
  readonly open: (handlers: QueueHandlers<FollowUp>) => Promise<void>
  /**
   * On disk when it resolves, until `add` or `release` with the same id. Await it before telling a person to wait. It
   * may be called again when more is known.
   *
   * @throws UserError if the queue accepts no more jobs
   */
  readonly expect: (expected: Expected<FollowUp>) => Promise<void>
  /** There will be no job, or there is one: nothing more is expected of this id. */
  readonly release: (id: string) => Promise<void>
  /**
   * On disk when it resolves.
   *
   * @throws UserError if the queue, or the person's or the server's share of it, is full; it says how long to wait
   */
  readonly add: (ticket: Ticket<FollowUp>, limits?: Pick<Limits, 'person' | 'scope'>) => Promise<void>
  /** Waiting or running; `reason` is a sentence for the person. @returns false if there is no such job */
  readonly cancel: (id: string, reason: string | Sentence) => Promise<boolean>
  /** The jobs of one scope, in the order in which they will run, unless more are added. */
  readonly positions: (scope: string) => Promise<readonly Position<FollowUp>[]>
  /** The jobs of one person in all scopes. */
  readonly positionsOf: (person: string) => Promise<readonly Position<FollowUp>[]>
  /** Jobs of all scopes that wait or run. */
  readonly length: () => Promise<number>
  /** Who computes besides this process; nobody where it does so itself. */
  readonly workers: () => Promise<readonly WorkerFacts[]>
  /**
   * Stops accepting jobs. The running one is put back and doesn't count as an attempt. Everything stays on disk for the
   * next start. Resolves when pending writes and deliveries are done.
   */
  readonly park: () => Promise<void>
}

/** A job older than this is dropped. */
export const dayMilliseconds = 24 * 60 * 60 * 1000

// Sentences for the person whose job was stopped.
export const tooOld = template('I am sorry: this waited for more than a day, so I dropped it.')
export const gaveUp = template('I am sorry: I was interrupted twice while I worked on this, so I gave it up.')
export const undelivered = template('I am sorry: I was interrupted each time that I wanted to bring you the result.')
export const restarting = template('I am restarting: please send it again in a minute.')
