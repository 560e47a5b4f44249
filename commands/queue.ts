import { SlashCommandBuilder, TimestampStyles, time } from 'discord.js'
import { cancelJob, mayCancel } from '../src/discord/actions/cancel-job.ts'
import { bold } from '../src/discord/actions/saved.ts'
import type { FollowUp } from '../src/discord/delivery/result-action.ts'
import type { Call, Command } from '../src/discord/interaction/command.ts'
import { everywhere } from '../src/discord/interaction/place.ts'
import { updateOrWhisper } from '../src/discord/interaction/update-or-whisper.ts'
import { pageButtons, pageOf } from '../src/discord/message/pages.ts'
import { buttonSection } from '../src/discord/message/parts.ts'
import { buttonRow, type Post, textDisplay } from '../src/discord/message/post.ts'
import { duration } from '../src/discord/message/progress.ts'
import type { Place, Ticket, WorkerFacts } from '../src/jobs/ticket.ts'

// Ten sections of three components each, heading, two footers and buttons are 37 of Discord's 40 components.
const perPage = 10

export const queue = {
  data: new SlashCommandBuilder()
    .setName('queue')
    .setDescription('Show what is running and waiting here, and cancel your own jobs')
    .setContexts(...everywhere.contexts)
    .setIntegrationTypes(...everywhere.integrationTypes)
    .toJSON(),

  execute: async (call) => call.reply.whisper(await queuePost(call, '0')),

  actions: {
    'queue-page': async (call) => updateOrWhisper(call, await queuePost(call, call.argument)),

    /** `page:id` */
    async 'queue-cancel'(call) {
      const [page = '', id = ''] = call.argument.split(':')
      await cancelJob(call, id)
      await updateOrWhisper(call, await queuePost(call, page))
    },
  },
} satisfies Command

/** @param wanted The number of a page, from 0. */
async function queuePost(call: Call, wanted: string): Promise<Post> {
  const own = await call.queue.places(call.scope)
  const hands = handsOf(await call.queue.workers())
  const page = pageOf(own, wanted, perPage)
  const elsewhere = elsewhereOf((await call.queue.length()) - own.length)
  return {
    components: [
      textDisplay(titleOf(own, page.pages > 1 ? `, page ${page.page + 1} of ${page.pages}` : '')),
      ...page.items.map((place) => buttonSection(lineOf(place, call.person), cancelOf(call, place.ticket, page.page))),
      ...[elsewhere, hands].flatMap((line) => (line ? [textDisplay(line)] : [])),
      buttonRow([{ label: 'Refresh', action: `queue-page:${page.page}` }, ...pageButtons('queue-page', page)]),
    ],
  }
}

const titleOf = ({ length }: readonly Place[], where: string) =>
  length === 0 ? 'Nothing is running or waiting here.' : `${length === 1 ? 'One job' : `${length} jobs`} here${where}:`

/** About other servers people learn only how many jobs are in the way. */
function elsewhereOf(count: number): string | undefined {
  if (count === 0) return undefined
  return count === 1 ? '-# One job is from elsewhere.' : `-# ${count} jobs are from elsewhere.`
}

/** Who computes, where that is not the bot itself; machines are not named. */
function handsOf(workers: readonly WorkerFacts[]): string | undefined {
  if (workers.length === 0) return undefined
  const busy = workers.filter(({ isBusy }) => isBusy).length
  const devices = [...Map.groupBy(workers, ({ device = 'unknown' }) => device)]
  const list = devices.map(([device, { length }]) => `${length} on ${device}`).join(', ')
  return `-# ${workers.length === 1 ? 'One worker' : `${workers.length} workers`} (${list}), ${busy} at work.`
}

function lineOf({ ticket, isRunning, ahead, secondsLeft }: Place<FollowUp>, person: string): string {
  const waits = ahead === 0 ? 'Starting' : `Waiting, ${ahead === 1 ? 'one job' : `${ahead} jobs`} ahead`
  const since = time(Math.floor(ticket.placedAt / 1000), TimestampStyles.RelativeTime)
  return `${kindOf(ticket, person)}, for <@${ticket.person}>, since ${since}\n-# ${isRunning ? 'Running' : waits} · done in ${duration(secondsLeft)}`
}

/** @param viewer The person who asks: private jobs reveal nothing to others. */
function kindOf({ job, person, followUp: { action, target } }: Ticket<FollowUp>, viewer: string): string {
  if (target.isPrivate && person !== viewer) return 'A private job'
  if (action.type === 'save') {
    return `${job.kind === 'inspect' ? 'Importing' : 'Learning'} ${bold(action.name)}`
  }
  return action.names.length > 0 ? `Applying ${action.names.map(bold).join(' and ')}` : kinds[job.kind]
}

const kinds: Readonly<Record<Ticket['job']['kind'], string>> = {
  analogy: 'An analogy',
  apply: 'Applying a difference',
  learn: 'Learning a difference',
  inspect: 'Reading a difference file',
  'bench-step': 'A measurement',
}

const cancelOf = (call: Call, ticket: Ticket, page: number) =>
  mayCancel(call, ticket) ? { label: 'Cancel', action: `queue-cancel:${page}:${ticket.id}` } : undefined
