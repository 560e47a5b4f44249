import { SlashCommandBuilder, TimestampStyles, time } from 'discord.js'
import { cancelJob, mayCancel } from '../src/discord/actions/cancel-job.ts'
import { bold } from '../src/discord/actions/saved.ts'
import type { FollowUp } from '../src/discord/delivery/result-action.ts'
import type { Call, Command } from '../src/discord/interaction/command.ts'
import { everywhere } from '../src/discord/interaction/scope.ts'
import { updateOrWhisper } from '../src/discord/interaction/update-or-whisper.ts'
import type { Say } from '../src/discord/language/say.ts'
import { type Page, pageButtons, pageOf } from '../src/discord/message/pages.ts'
import { buttonSection } from '../src/discord/message/parts.ts'
import { buttonRow, type Post, textDisplay } from '../src/discord/message/post.ts'
import { duration } from '../src/duration.ts'
import type { Position, Ticket, WorkerFacts } from '../src/jobs/ticket.ts'
import { type Sentence, sentence } from '../src/sentence.ts'

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
  const own = await call.queue.positions(call.scope)
  const { say } = call
  const hands = handsOf(say, await call.queue.workers())
  const page = pageOf(own, wanted, perPage)
  const elsewhere = elsewhereOf(say, (await call.queue.length()) - own.length)
  return {
    components: [
      textDisplay(titleOf(say, own.length, page)),
      ...page.items.map((place) => buttonSection(lineOf(call, place), cancelOf(call, place.ticket, page.page))),
      ...[elsewhere, hands].flatMap((line) => (line ? [textDisplay(`-# ${line}`)] : [])),
      buttonRow([
        { label: say('Refresh'), action: `queue-page:${page.page}` },
        ...pageButtons(say, 'queue-page', page),
      ]),
    ],
  }
}

function titleOf(say: Say, count: number, { page, pages }: Page<unknown>): string {
  if (count === 0) return say('Nothing is running or waiting here.')
  if (pages === 1) return say('{count, plural, =1 {One job} other {# jobs}} here:', { count })
  return say('{count, plural, =1 {One job} other {# jobs}} here, page {page} of {pages}:', {
    count,
    page: page + 1,
    pages,
  })
}

/** About other servers people learn only how many jobs are in the way. */
function elsewhereOf(say: Say, count: number): string | undefined {
  if (count === 0) return undefined
  return say('{count, plural, =1 {One job is} other {# jobs are}} from elsewhere.', { count })
}

/** Who computes, where that is not the bot itself; machines are not named. */
function handsOf(say: Say, workers: readonly WorkerFacts[]): string | undefined {
  if (workers.length === 0) return undefined
  const busy = workers.filter(({ isBusy }) => isBusy).length
  const devices = [...Map.groupBy(workers, ({ device = 'unknown' }) => device)]
  const list = devices.map(([device, { length: count }]) => say('{count} on {device}', { count, device })).join(', ')
  return say('{count, plural, =1 {One worker} other {# workers}} ({list}), {busy} at work.', {
    count: workers.length,
    list,
    busy,
  })
}

function lineOf({ say, person }: Call, { ticket, isRunning, ahead, secondsLeft }: Position<FollowUp>): string {
  const what = say('{what}, for {person}, since {when}', {
    what: kindOf(ticket, person),
    person: `<@${ticket.person}>`,
    when: time(Math.floor(ticket.placedAt / 1000), TimestampStyles.RelativeTime),
  })
  const waits =
    ahead === 0 ? say('Starting') : say('Waiting, {ahead, plural, =1 {one job} other {# jobs}} ahead', { ahead })
  const done = say('done in {duration}', { duration: duration(secondsLeft) })
  return `${what}\n-# ${isRunning ? say('Running') : waits} · ${done}`
}

/** @param viewer The person who asks: private jobs reveal nothing to others. */
function kindOf({ job, person, followUp: { action, target } }: Ticket<FollowUp>, viewer: string): Sentence {
  if (target.isPrivate && person !== viewer) return sentence('A private job')
  if (action.type === 'save') {
    const name = bold(action.name)
    return job.kind === 'inspect' ? sentence('Importing {name}', { name }) : sentence('Learning {name}', { name })
  }
  return action.names.length > 0 ? sentence('Applying {names}', { names: action.names.map(bold) }) : kinds[job.kind]
}

const kinds: Readonly<Record<Ticket['job']['kind'], Sentence>> = {
  analogy: sentence('An analogy'),
  apply: sentence('Applying a difference'),
  learn: sentence('Learning a difference'),
  inspect: sentence('Reading a difference file'),
  'bench-step': sentence('A measurement'),
}

const cancelOf = (call: Call, ticket: Ticket, page: number) =>
  mayCancel(call, ticket) ? { label: call.say('Cancel'), action: `queue-cancel:${page}:${ticket.id}` } : undefined
