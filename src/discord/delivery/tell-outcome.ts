import { InterruptedError, OtherModelError, UserError } from '../../errors.ts'
import type { JobResult } from '../../jobs/protocol.ts'
import type { Ticket as AnyTicket, Outcome } from '../../jobs/ticket.ts'
import { type Sentence, sentence } from '../../sentence.ts'
import type { Store } from '../../store/open.ts'
import { relearnButton } from '../actions/apply-saved.ts'
import { withoutPictures } from '../actions/libraries.ts'
import { describe, sentenceOf } from '../interaction/faults.ts'
import { savedPost } from '../message/job-posts.ts'
import { buttonRow, textPost, withRows } from '../message/post.ts'
import { factsOf, recordOf, resultPosts, withShownInputs } from '../message/result.ts'
import { type Arrival, type Delivery, firstThatFits, MessageGone } from './delivery.ts'
import { sayAt } from './reply-target.ts'
import type { FollowUp, ResultAction } from './result-action.ts'

type Ticket = AnyTicket<FollowUp>
type Save = Extract<ResultAction, { type: 'save' }>

interface Context {
  readonly store: Pick<Store, 'results' | 'differences' | 'settings' | 'retries'>
  readonly log: (line: string) => void
  readonly delivery: Delivery
}

/** Does with a job's outcome what was asked for, and posts what is to be said. */
export async function tellOutcome(ticket: Ticket, outcome: Outcome, context: Context): Promise<Arrival> {
  const { delivery, log } = context
  if (outcome.type === 'done') return finish(ticket, outcome.result, context)
  if (outcome.type === 'stopped' && outcome.canRetry) return offerRetry(ticket, outcome.reason, context)
  if (outcome.type === 'stopped') return delivery.deliver(textPost(sayAt(ticket.followUp.target)(outcome.reason)))
  if (outcome.error instanceof InterruptedError) {
    log(`A ${ticket.job.kind} job failed: ${describe(outcome.error)}`)
    return offerRetry(ticket, outcome.error.sentence, context)
  }
  return refuse(ticket, outcome.error, context)
}

/** Answered by commands/buttons.ts. */
async function offerRetry(ticket: Ticket, reason: string | Sentence, { store, delivery }: Context): Promise<Arrival> {
  const { id, scope, person, job, followUp } = ticket
  const say = sayAt(followUp.target)
  await store.retries.put({ id, scope, person, at: Date.now(), job, action: followUp.action })
  return delivery.announce(
    withRows(textPost(say(reason)), buttonRow([{ label: say('Try again'), action: `retry:${id}` }])),
  )
}

async function finish(given: Ticket, result: JobResult, context: Context): Promise<Arrival> {
  const { store, delivery } = context
  const ticket = withShownInputs(given, result)
  const { action } = ticket.followUp
  if (action.type === 'save') {
    const refusal = await save(ticket, action, result, store).then(() => undefined, onlyUserError)
    return refusal ? delivery.whisper(refusal.sentence) : delivery.deliver(savedPost(ticket, action, result))
  }
  if (result.withheld) return delivery.whisper(withheld)
  // Stored first: the buttons must work as soon as they are seen.
  const record = recordOf(ticket, action, result)
  await store.results.put(record)
  try {
    const arrival = await firstThatFits(resultPosts(ticket, action, result), delivery.deliver)
    const { channelId, messageId } = arrival
    if (messageId !== record.messageId) await store.results.put({ ...record, channelId, messageId })
    return arrival
  } catch (error) {
    if (error instanceof MessageGone) await store.results.remove(record.id)
    throw error
  }
}

async function save({ scope, person, job }: Ticket, action: Save, result: JobResult, store: Context['store']) {
  const bytes = result.difference!
  const { name, replace, library = scope, isPictureless } = action
  // After a crash the same result may arrive again.
  const existing = await store.differences.get(library, name)
  if (existing && Buffer.compare(existing.bytes, bytes) === 0) return
  const { keepPairs } = await store.settings.get(scope)
  const { limit } = await store.settings.get(library)
  const pairs = keepPairs && job.kind === 'learn' ? job.pairs : undefined
  const { pictures = {} } = result
  const { sensitivity } = action
  // One that is learned again keeps its owner.
  const owner = existing?.person ?? person
  const whole = { name, bytes, person: owner, at: Date.now(), facts: factsOf(result), pictures, pairs, sensitivity }
  await store.differences.save(library, isPictureless ? withoutPictures(whole) : whole, { replace, limit })
}

async function refuse(ticket: Ticket, error: Error, { delivery, log }: Context): Promise<Arrival> {
  if (!(error instanceof UserError) || error.cause) log(`A ${ticket.job.kind} job failed: ${describe(error)}`)
  const { action } = ticket.followUp
  const canRelearn =
    error instanceof OtherModelError &&
    ticket.job.kind === 'apply' &&
    action.type === 'show' &&
    action.names.length === 1
  if (!canRelearn) return delivery.whisper(sentenceOf(error))
  const say = sayAt(ticket.followUp.target)
  return delivery.deliver(
    withRows(textPost(say(error.sentence)), buttonRow([relearnButton(say, action.reference ?? action.names[0]!)])),
  )
}

const withheld = sentence(
  'The model’s safety checker thinks that B′ is not for everyone, so it is not shown. It can be wrong: another seed or strength may work. In age-restricted channels nothing is withheld.',
)

function onlyUserError(error: unknown): UserError {
  if (error instanceof UserError) return error
  throw error
}
