import { type Client, escapeMarkdown } from 'discord.js'
import { OtherModelError, UserError } from '../errors.ts'
import type { JobResult } from '../jobs/protocol.ts'
import type { Outcome, QueueHandlers, Ticket } from '../jobs/queue.ts'
import type { Store } from '../store/open.ts'
import { createDelivery, type Delivery, isTooLarge } from './delivery.ts'
import type { Errand, Purpose } from './errand.ts'
import { describe, sentenceOf } from './faults.ts'
import { type Button, buttonRow, galleryPost, type Post, textPost, withRows } from './post.ts'
import { type Activity, narrate, type Throttle, throttleLatest } from './progress.ts'
import { factsOf, recordOf, resultPosts } from './result.ts'

export interface DeskOptions {
  readonly client: Client
  readonly store: Pick<Store, 'results' | 'differences' | 'settings'>
  /** Gets faults of ours, without tokens or addresses. */
  readonly log: (line: string) => void
  /** The least time between two progress edits. @default 3000 */
  readonly everyMilliseconds?: number
}

export interface Desk extends QueueHandlers {
  /** Stops telling how far jobs are: the bot ends. */
  readonly close: () => Promise<void>
}

interface Watch {
  readonly delivery: Delivery
  readonly edits: Throttle<Activity>
  preview?: Uint8Array
}

/** Tells people how far their jobs are, and brings them what came of it: in the process that took the job, or in a later one. */
export function createDesk({ client, store, log, everyMilliseconds = 3000 }: DeskOptions): Desk {
  const watches = new Map<string, Watch>()

  const watch = (ticket: Ticket): Watch => {
    const known = watches.get(ticket.id)
    if (known) return known
    const delivery = createDelivery(client, errandOf(ticket).address, ticket.id)
    const created: Watch = {
      delivery,
      // A lost progress edit is not worth a word: the next one, or the result, finds its own way.
      edits: throttleLatest(
        (activity) => delivery.edit(progressPost(ticket, activity, created.preview)).catch(() => {}),
        everyMilliseconds,
      ),
    }
    watches.set(ticket.id, created)
    return created
  }

  const end = async (ticket: Ticket, outcome: Outcome) => {
    const { delivery, edits } = watch(ticket)
    await edits.stop()
    watches.delete(ticket.id)
    if (outcome.type === 'done') return finish(ticket, outcome.result, delivery)
    if (outcome.type === 'stopped') return delivery.deliver(textPost(outcome.reason))
    await refuse(ticket, outcome.error, delivery)
  }

  const finish = async (ticket: Ticket, result: JobResult, delivery: Delivery) => {
    const { purpose } = errandOf(ticket)
    if (purpose.type === 'save') {
      const refusal = await save(ticket, purpose, result).then(() => undefined, onlyUserError)
      return refusal ? delivery.whisper(refusal.message) : delivery.deliver(savedPost(purpose, result))
    }
    // Kept first: the buttons must work from the moment they are seen.
    await store.results.put(recordOf(ticket, purpose, result))
    const { all, alone } = resultPosts(ticket, purpose, result)
    await delivery.deliver(all).catch((error: unknown) => {
      if (!isTooLarge(error)) throw error
      return delivery.deliver(alone)
    })
  }

  const save = async ({ scope, person, job }: Ticket, purpose: Save, result: JobResult) => {
    const bytes = result.difference!
    const { name, replace } = purpose
    // After a crash the same result may come again.
    const existing = await store.differences.get(scope, name)
    if (existing && Buffer.compare(existing.bytes, bytes) === 0) return
    const { keepPairs, limit } = await store.settings.get(scope)
    const pairs = keepPairs && job.kind === 'learn' ? job.pairs : undefined
    const { pictures = {} } = result
    await store.differences.save(
      scope,
      { name, bytes, person, at: Date.now(), facts: factsOf(result), pictures, pairs },
      { replace, limit },
    )
  }

  const refuse = async (ticket: Ticket, error: Error, delivery: Delivery) => {
    if (!(error instanceof UserError) || error.cause) log(`A ${ticket.job.kind} job: ${describe(error)}`)
    const { purpose } = errandOf(ticket)
    const canRelearn =
      error instanceof OtherModelError &&
      ticket.job.kind === 'apply' &&
      purpose.type === 'show' &&
      purpose.names.length === 1
    if (!canRelearn) return delivery.whisper(sentenceOf(error))
    const relearn: Button = { label: 'Learn it again on this model', action: `relearn:${purpose.names[0]}` }
    await delivery.deliver(withRows(textPost(error.message), buttonRow([relearn])))
  }

  return {
    onPlace: ({ ticket, ahead, secondsLeft }) => watch(ticket).edits.push({ ahead, secondsLeft }),
    onProgress: (ticket, progress, secondsLeft) => {
      const one = watch(ticket)
      one.preview = progress.preview ?? one.preview
      one.edits.push({ ...progress, secondsLeft })
    },
    onEnd: (ticket, outcome) =>
      end(ticket, outcome).catch((error: unknown) => {
        const { address } = errandOf(ticket)
        log(`A result could not be delivered to the channel ${address.channelId}: ${describe(error)}`)
      }),
    close: async () => {
      await Promise.all([...watches.values()].map(({ edits }) => edits.stop()))
    },
  }
}

type Save = Extract<Purpose, { type: 'save' }>

const errandOf = (ticket: Ticket) => ticket.errand as Errand

function progressPost(ticket: Ticket, activity: Activity, preview?: Uint8Array): Post {
  const text = narrate(activity)
  const cancel = buttonRow([{ label: 'Cancel', action: `cancel:${ticket.id}` }])
  if (!preview) return withRows(textPost(text), cancel)
  return withRows(galleryPost(text, [{ name: 'preview.png', bytes: preview, alt: 'B′ as it forms' }]), cancel)
}

function savedPost({ name, how }: Save, { pictures = {}, report, notices }: JobResult): Post {
  const title = `${how === 'learned' ? 'Learned and saved' : 'Saved'} **${escapeMarkdown(name)}**: use it with \`/apply-diff\`.`
  const fit = report.fit === undefined ? [] : [`-# fit ${Math.round(report.fit * 100)} %`]
  const text = [title, ...notices, ...fit].join('\n')
  if (!pictures.pair) return textPost(text)
  const { a = 'the example before', a2 = 'the example after' } = report.caption ?? {}
  return galleryPost(text, [{ name: 'pair.png', bytes: pictures.pair, alt: `A: ${a}. A′: ${a2}` }])
}

function onlyUserError(error: unknown): UserError {
  if (error instanceof UserError) return error
  throw error
}
