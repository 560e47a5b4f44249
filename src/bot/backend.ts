import type { FollowUp } from '../discord/delivery/result-action.ts'
import type { Services } from '../discord/interaction/command.ts'
import type { Queue } from '../jobs/ticket.ts'
import type { Store } from '../store/open.ts'

/** Where the bot keeps what it has, and where jobs are computed. */
export interface Backend {
  readonly store: Store
  readonly queue: Queue<FollowUp>
  readonly models: Services['models']
  /** Work of all bot processes that only one may do at a time. */
  readonly exclusively: <Result>(key: string, work: () => Promise<Result>) => Promise<Result>
  /**
   * After the queue was opened: resolves when jobs can be computed, to a sentence about it.
   *
   * @throws UserError when they can't
   */
  readonly warm: () => Promise<string>
  /** Stops taking jobs, and writes down what is under way. */
  readonly park: () => Promise<void>
  readonly close: () => Promise<void>
}
