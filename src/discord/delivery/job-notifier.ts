import type { Client } from 'discord.js'
import type { Ticket as AnyTicket, Outcome, QueueHandlers } from '../../jobs/ticket.ts'
import { type Sentence, sentence } from '../../sentence.ts'
import type { Store } from '../../store/open.ts'
import { describe } from '../interaction/faults.ts'
import { sayIn } from '../language/say.ts'
import { textPost } from '../message/post.ts'
import { createDelivery, MessageGone } from './delivery.ts'
import { createWatches } from './job-watches.ts'
import { type ReplyTarget, sayAt } from './reply-target.ts'
import type { FollowUp } from './result-action.ts'
import { tellOutcome } from './tell-outcome.ts'

type Ticket = AnyTicket<FollowUp>

export interface JobNotifierOptions {
  readonly client: Client
  readonly store: Pick<Store, 'notes' | 'results' | 'differences' | 'settings' | 'retries'>
  /** The queue's. */
  readonly cancel: (id: string, reason: string | Sentence) => Promise<boolean>
  /** Receives our own faults, without tokens or addresses. */
  readonly log: (line: string) => void
  /** The shortest time between two progress edits. @default 3000 */
  readonly everyMilliseconds?: number
  /**
   * All progress edits together: once a job is 15 minutes old they count against the requests that Discord allows.
   *
   * @default 25
   */
  readonly editsPerSecond?: number
}

export interface JobNotifier extends QueueHandlers<FollowUp> {
  /** What a person must be told at their next command, once: where their last result could not be posted. */
  readonly takeNote: (person: string) => Promise<string | undefined>
  /** Tells everybody who waits that the bot is restarting, then does nothing more. */
  readonly close: () => Promise<void>
}

/**
 * Tells people how their jobs are going and brings them the results, in the process that took the job or in a later
 * one.
 */
export function createJobNotifier({
  client,
  store,
  cancel,
  log,
  everyMilliseconds = 3000,
  editsPerSecond = 25,
}: JobNotifierOptions): JobNotifier {
  const watches = createWatches({
    client,
    everyMilliseconds,
    editsPerSecond,
    onGone: ({ id }) => void cancel(id, sentence('Its message was deleted.')),
  })

  const end = async (ticket: Ticket, outcome: Outcome) => {
    const delivery = await watches.end(ticket)
    // Whoever deletes the message wants no answer: nothing is posted again, and nothing kept.
    if (await delivery.isGone()) return
    const { route } = await tellOutcome(ticket, outcome, { store, log, delivery })
    if (route !== 'direct' || ticket.scope.startsWith('@') || ticket.followUp.target.isPrivate) return
    await note(ticket, false)
    log(
      `I may no longer write in the channel ${ticket.followUp.target.channelId}; a result went to its owner directly.`,
    )
  }

  const note = ({ followUp, person }: Ticket, isLost: boolean) =>
    store.notes.put(person, noteOf(followUp.target, isLost))

  return {
    onPosition: ({ ticket, ahead, secondsLeft, isRunning }) => {
      const one = watches.of(ticket)
      one.isRunning = isRunning
      // Discord counts down by itself, so that far from the front an edit says little.
      if (!isRunning && ahead > one.toldAhead / 2) return
      one.toldAhead = ahead
      one.edits.push({ ahead: isRunning ? 0 : ahead, secondsLeft })
    },
    onProgress: (ticket, progress, secondsLeft) => {
      const one = watches.of(ticket)
      one.isRunning = true
      one.preview = progress.preview ?? one.preview
      one.notice = progress.notice ?? one.notice
      one.edits.push({ ...progress, secondsLeft })
    },
    onEnd: (ticket, outcome) =>
      end(ticket, outcome).catch(async (error: unknown) => {
        if (error instanceof MessageGone) return
        await note(ticket, true)
        const { target } = ticket.followUp
        log(`A result could not be delivered to the channel ${target.channelId}: ${describe(error)}`)
      }),
    onInterrupted: async ({ id, followUp: { target } }) => {
      // If it fails, the person was never told to wait, or deleted the message.
      if (target)
        await createDelivery(client, target, id)
          .edit(textPost(sayAt(target)('I was interrupted before I had your pictures: please send it again.')))
          .catch(() => {})
    },
    takeNote: store.notes.take,
    close: async () => {
      const told = watches.all().map(async ({ edits, delivery, say }) => {
        await edits.stop()
        const parked = textPost(say('I am restarting; your job will continue in a moment.'))
        await delivery.edit(parked).catch(() => {})
      })
      await Promise.all(told)
    },
  }
}

/** Of a result that did not arrive where it was asked for; `isLost` if it did not arrive at all. */
function noteOf({ channelId, isPrivate, isApart, locale }: ReplyTarget, isLost: boolean): string {
  const say = sayIn(locale)
  if (isPrivate || isApart) {
    return say('Your last result could not be sent to you: please allow direct messages, and ask again.')
  }
  return say(
    isLost
      ? 'Your last result could not be posted in {channel}: I may no longer write there, and I could not reach you directly.'
      : 'Your last result could not be posted in {channel}: I may no longer write there, so I sent it to you directly.',
    { channel: `<#${channelId}>` },
  )
}
