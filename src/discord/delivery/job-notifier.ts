import type { Client } from 'discord.js'
import { InterruptedError, OtherModelError, UserError } from '../../errors.ts'
import type { JobResult } from '../../jobs/protocol.ts'
import type { Ticket as AnyTicket, Outcome, QueueHandlers } from '../../jobs/ticket.ts'
import type { Store } from '../../store/open.ts'
import { relearnButton } from '../actions/apply-saved.ts'
import { describe, sentenceOf } from '../interaction/faults.ts'
import { progressPost, savedPost, type Told } from '../message/job-posts.ts'
import { buttonRow, textPost, withRows } from '../message/post.ts'
import { type Activity, type Throttle, throttleLatest } from '../message/progress.ts'
import { factsOf, recordOf, resultPosts, withShownInputs } from '../message/result.ts'
import { type Arrival, createDelivery, type Delivery, isTooLarge, MessageGone } from './delivery.ts'
import type { FollowUp, ResultAction } from './result-action.ts'

export interface JobNotifierOptions {
  readonly client: Client
  readonly store: Pick<Store, 'notes' | 'results' | 'differences' | 'settings' | 'retries'>
  /** The queue's. */
  readonly cancel: (id: string, reason: string) => Promise<boolean>
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

interface Watch extends Told {
  readonly delivery: Delivery
  readonly edits: Throttle<Activity>
  isRunning: boolean
  /** The number of jobs ahead that was told last. */
  toldAhead: number
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
  const watches = new Map<string, Watch>()
  /** Many jobs that run at once share the edits that Discord allows. */
  const interval = () => {
    const running = [...watches.values()].filter(({ isRunning }) => isRunning).length
    return Math.max(everyMilliseconds, (running * 1000) / editsPerSecond)
  }

  const watch = (ticket: Ticket): Watch => {
    const known = watches.get(ticket.id)
    if (known) return known
    const delivery = createDelivery(client, ticket.followUp.target, ticket.id)
    const created: Watch = {
      delivery,
      edits: throttleLatest(
        (activity) =>
          delivery.edit(progressPost(ticket, activity, created)).catch((error: unknown) => {
            // Any other lost edit doesn't matter: the next one, or the result, arrives anyway.
            if (error instanceof MessageGone) void cancel(ticket.id, 'Its message was deleted.')
          }),
        interval,
      ),
      isRunning: false,
      toldAhead: Number.POSITIVE_INFINITY,
    }
    watches.set(ticket.id, created)
    return created
  }

  const end = async (ticket: Ticket, outcome: Outcome) => {
    const { delivery, edits } = watch(ticket)
    await edits.stop()
    watches.delete(ticket.id)
    // Whoever deletes the message wants no answer: nothing is posted again, and nothing kept.
    if (await delivery.isGone()) return
    const { route } = await tell(ticket, outcome, delivery)
    if (route !== 'direct' || ticket.scope.startsWith('@') || ticket.followUp.target.isPrivate) return
    await note(ticket, 'so I sent it to you directly')
    log(
      `I may no longer write in the channel ${ticket.followUp.target.channelId}; a result went to its owner directly.`,
    )
  }

  const note = async ({ followUp, person }: Ticket, remedy: string) => {
    const { channelId, isPrivate } = followUp.target
    await store.notes.put(
      person,
      isPrivate
        ? 'Your last private result could not be sent to you: please allow direct messages, and ask again.'
        : `Your last result could not be posted in <#${channelId}>: I may no longer write there, ${remedy}.`,
    )
  }

  const tell = async (ticket: Ticket, outcome: Outcome, delivery: Delivery): Promise<Arrival> => {
    if (outcome.type === 'done') return finish(ticket, outcome.result, delivery)
    if (outcome.type === 'stopped' && outcome.canRetry) return offerRetry(ticket, outcome.reason, delivery)
    if (outcome.type === 'stopped') return delivery.deliver(textPost(outcome.reason))
    if (outcome.error instanceof InterruptedError) {
      log(`A ${ticket.job.kind} job failed: ${describe(outcome.error)}`)
      return offerRetry(ticket, outcome.error.message, delivery)
    }
    return refuse(ticket, outcome.error, delivery)
  }

  /** Answered by commands/buttons.ts. */
  const offerRetry = async (ticket: Ticket, reason: string, delivery: Delivery) => {
    const { id, scope, person, job, followUp } = ticket
    await store.retries.put({ id, scope, person, at: Date.now(), job, action: followUp.action })
    return delivery.announce(withRows(textPost(reason), buttonRow([{ label: 'Try again', action: `retry:${id}` }])))
  }

  const finish = async (given: Ticket, result: JobResult, delivery: Delivery): Promise<Arrival> => {
    const ticket = withShownInputs(given, result)
    const { action } = ticket.followUp
    if (action.type === 'save') {
      const refusal = await save(ticket, action, result).then(() => undefined, onlyUserError)
      return refusal ? delivery.whisper(refusal.message) : delivery.deliver(savedPost(ticket, action, result))
    }
    if (result.withheld) return delivery.whisper(withheld)
    // Stored first: the buttons must work as soon as they are seen.
    const record = recordOf(ticket, action, result)
    await store.results.put(record)
    const { all, alone } = resultPosts(ticket, action, result)
    try {
      const arrival = await delivery.deliver(all).catch((error: unknown) => {
        if (!isTooLarge(error)) throw error
        return delivery.deliver(alone)
      })
      const { channelId, messageId } = arrival
      if (messageId !== record.messageId) await store.results.put({ ...record, channelId, messageId })
      return arrival
    } catch (error) {
      if (error instanceof MessageGone) await store.results.remove(record.id)
      throw error
    }
  }

  const save = async ({ scope, person, job }: Ticket, action: Save, result: JobResult) => {
    const bytes = result.difference!
    const { name, replace } = action
    // After a crash the same result may arrive again.
    const existing = await store.differences.get(scope, name)
    if (existing && Buffer.compare(existing.bytes, bytes) === 0) return
    const { keepPairs, limit } = await store.settings.get(scope)
    const pairs = keepPairs && job.kind === 'learn' ? job.pairs : undefined
    const { pictures = {} } = result
    const { sensitivity } = action
    // One that is learned again keeps its owner.
    const owner = existing?.person ?? person
    await store.differences.save(
      scope,
      { name, bytes, person: owner, at: Date.now(), facts: factsOf(result), pictures, pairs, sensitivity },
      { replace, limit },
    )
  }

  const refuse = async (ticket: Ticket, error: Error, delivery: Delivery): Promise<Arrival> => {
    if (!(error instanceof UserError) || error.cause) log(`A ${ticket.job.kind} job failed: ${describe(error)}`)
    const { action } = ticket.followUp
    const canRelearn =
      error instanceof OtherModelError &&
      ticket.job.kind === 'apply' &&
      action.type === 'show' &&
      action.names.length === 1
    if (!canRelearn) return delivery.whisper(sentenceOf(error))
    return delivery.deliver(withRows(textPost(error.message), buttonRow([relearnButton(action.names[0]!)])))
  }

  return {
    onPlace: ({ ticket, ahead, secondsLeft, isRunning }) => {
      const one = watch(ticket)
      one.isRunning = isRunning
      // Discord counts down by itself, so that far from the front an edit says little.
      if (!isRunning && ahead > one.toldAhead / 2) return
      one.toldAhead = ahead
      one.edits.push({ ahead: isRunning ? 0 : ahead, secondsLeft })
    },
    onProgress: (ticket, progress, secondsLeft) => {
      const one = watch(ticket)
      one.isRunning = true
      one.preview = progress.preview ?? one.preview
      one.notice = progress.notice ?? one.notice
      one.edits.push({ ...progress, secondsLeft })
    },
    onEnd: (ticket, outcome) =>
      end(ticket, outcome).catch(async (error: unknown) => {
        if (error instanceof MessageGone) return
        await note(ticket, 'and I could not reach you directly')
        const { target } = ticket.followUp
        log(`A result could not be delivered to the channel ${target.channelId}: ${describe(error)}`)
      }),
    onInterrupted: async ({ id, followUp: { target } }) => {
      // If it fails, the person was never told to wait, or deleted the message.
      if (target)
        await createDelivery(client, target, id)
          .edit(textPost(interrupted))
          .catch(() => {})
    },
    takeNote: store.notes.take,
    close: async () => {
      const parked = textPost('I am restarting; your job will continue in a moment.')
      const told = [...watches.values()].map(async ({ edits, delivery }) => {
        await edits.stop()
        await delivery.edit(parked).catch(() => {})
      })
      await Promise.all(told)
    },
  }
}

const interrupted = 'I was interrupted before I had your pictures: please send it again.'

const withheld =
  'The model’s safety checker thinks that B′ is not for everyone, so it is not shown. It can be wrong: ' +
  'another seed or strength may work. In age-restricted channels nothing is withheld.'

type Save = Extract<ResultAction, { type: 'save' }>

type Ticket = AnyTicket<FollowUp>

function onlyUserError(error: unknown): UserError {
  if (error instanceof UserError) return error
  throw error
}
