import type { Ticket as AnyTicket, Outcome } from '../../jobs/ticket.ts'
import { type Sentence, sentence } from '../../sentence.ts'
import type { Store } from '../../store/open.ts'
import { describe } from '../interaction/faults.ts'
import { sayIn } from '../language/say.ts'
import type { Audit } from './audit.ts'
import type { JobNotifier } from './job-notifier.ts'
import type { FollowUp } from './result-action.ts'

type Ticket = AnyTicket<FollowUp>

interface Records {
  readonly store: Pick<Store, 'settings' | 'tallies'>
  readonly audit: Audit
  readonly log: (line: string) => void
}

/**
 * The same notifier, which also records each job of a server when it has ended: in the server's tallies, and in its audit
 * channel if it has one. A process that is killed loses the audit's last lines, and may count a job twice.
 */
export const keepRecords = (notifier: JobNotifier, { store, audit, log }: Records): JobNotifier => ({
  ...notifier,
  onEnd: async (ticket, outcome) => {
    await notifier.onEnd(ticket, outcome)
    // What people do by themselves is nobody's business.
    if (ticket.scope.startsWith('@')) return
    try {
      await count(ticket, outcome, store)
      const { auditChannel } = await store.settings.get(ticket.scope)
      if (auditChannel) audit.note(auditChannel, lineOf(ticket, outcome))
    } catch (error) {
      log(`A job could not be recorded: ${describe(error)}`)
    }
  },
  close: async () => {
    await notifier.close()
    await audit.flush()
  },
})

/** Nothing is counted of what somebody cancelled: it may have been, to have everything forgotten. */
async function count({ scope, person }: Ticket, outcome: Outcome, { tallies }: Records['store']): Promise<void> {
  if (outcome.type === 'stopped' && !hasFailed(outcome)) return
  const seconds = outcome.type === 'done' ? (outcome.result.report.seconds.total ?? 0) : 0
  await tallies.add(scope, { person, at: Date.now(), hasFailed: hasFailed(outcome), seconds })
}

/** Failed or given up; what somebody cancelled has not failed. */
const hasFailed = (outcome: Outcome) =>
  outcome.type === 'failed' || (outcome.type === 'stopped' && outcome.canRetry === true)

/** In the server's language. Of a private job nothing is told but that it was one, and whose. */
function lineOf({ person, scope, job, followUp }: Ticket, outcome: Outcome): string {
  const { channelId, messageId, isPrivate, serverLocale } = followUp.target
  const say = sayIn(serverLocale)
  const known = { person: `<@${person}>`, how: howOf(outcome) }
  if (isPrivate) return say('{person}: a private job, {how}', known)
  const link = `https://discord.com/channels/${scope}/${channelId}/${messageId}`
  return say('{person}: {what}, {how}: {link}', { ...known, what: kinds[job.kind], link })
}

function howOf(outcome: Outcome): Sentence {
  if (outcome.type === 'done') return sentence('done')
  return hasFailed(outcome) ? sentence('failed') : sentence('cancelled')
}

const kinds: Readonly<Record<Ticket['job']['kind'], Sentence>> = {
  analogy: sentence('an analogy'),
  apply: sentence('a difference was applied'),
  learn: sentence('a difference was learned'),
  inspect: sentence('a difference was imported'),
  'bench-step': sentence('a measurement'),
}
