import type { Client } from 'discord.js'
import type { Ticket as AnyTicket } from '../../jobs/ticket.ts'
import type { Say } from '../language/say.ts'
import { progressPost, type Told } from '../message/job-posts.ts'
import { type Activity, type Throttle, throttleLatest } from '../message/progress.ts'
import { createDelivery, type Delivery, MessageGone } from './delivery.ts'
import { sayAt } from './reply-target.ts'
import type { FollowUp } from './result-action.ts'

type Ticket = AnyTicket<FollowUp>

/** The message of a job that waits or runs. */
interface Watch extends Told {
  readonly delivery: Delivery
  readonly edits: Throttle<Activity>
  /** In the language of the message. */
  readonly say: Say
  isRunning: boolean
  /** The number of jobs ahead that was told last. */
  toldAhead: number
}

interface WatchOptions {
  readonly client: Client
  readonly everyMilliseconds: number
  readonly editsPerSecond: number
  /** Somebody deleted the message. */
  readonly onGone: (ticket: Ticket) => void
}

interface Watches {
  /** The one of this job, made if there is none. */
  readonly of: (ticket: Ticket) => Watch
  /** Resolves when no edit is under way any more. */
  readonly end: (ticket: Ticket) => Promise<Delivery>
  readonly all: () => readonly Watch[]
}

export function createWatches({ client, everyMilliseconds, editsPerSecond, onGone }: WatchOptions): Watches {
  const watches = new Map<string, Watch>()
  /** Many jobs that run at once share the edits that Discord allows. */
  const interval = () => {
    const running = [...watches.values()].filter(({ isRunning }) => isRunning).length
    return Math.max(everyMilliseconds, (running * 1000) / editsPerSecond)
  }

  const create = (ticket: Ticket): Watch => {
    const delivery = createDelivery(client, ticket.followUp.target, ticket.id)
    const edit = (activity: Activity) =>
      delivery.edit(progressPost(ticket, activity, created)).catch((error: unknown) => {
        // Any other lost edit doesn't matter: the next one, or the result, arrives anyway.
        if (error instanceof MessageGone) onGone(ticket)
      })
    const created: Watch = {
      delivery,
      edits: throttleLatest(edit, interval),
      say: sayAt(ticket.followUp.target),
      isRunning: false,
      toldAhead: Number.POSITIVE_INFINITY,
    }
    watches.set(ticket.id, created)
    return created
  }

  const of = (ticket: Ticket) => watches.get(ticket.id) ?? create(ticket)
  return {
    of,
    end: async (ticket) => {
      const { delivery, edits } = of(ticket)
      await edits.stop()
      watches.delete(ticket.id)
      return delivery
    },
    all: () => [...watches.values()],
  }
}
