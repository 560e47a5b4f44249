import { SlashCommandSubcommandBuilder, TimestampStyles, time } from 'discord.js'
import { checkManager } from '../../src/discord/interaction/permission.ts'
import type { Subcommand } from '../../src/discord/interaction/subcommands.ts'
import type { Say } from '../../src/discord/language/say.ts'
import type { Tally } from '../../src/store/tallies.ts'

const dayMilliseconds = 24 * 60 * 60 * 1000
const mostPeople = 10

export const usage = {
  data: new SlashCommandSubcommandBuilder()
    .setName('usage')
    .setDescription('Show how much I was used: jobs, computing, failures, and by whom'),

  async execute({ interaction, reply, say, store, scope }) {
    checkManager(interaction)
    // A busy server has many days and people.
    await reply.think()
    await reply.whisper(usageText(await store.tallies.list(scope), Date.now(), say))
  },
} satisfies Subcommand

/** @param now Milliseconds since 1970. */
function usageText(tallies: readonly Tally[], now: number, say: Say): string {
  const today = now - (now % dayMilliseconds)
  /** Today is the first of the last days. */
  const ofLast = (days: number) => tallies.filter(({ day }) => day > today - days * dayMilliseconds)
  const days = Array.from({ length: 7 }, (_, ago) => today - ago * dayMilliseconds)
  const people = [...Map.groupBy(ofLast(30), ({ person }) => person)]
    .map(([person, theirs]) => ({ person, ...sumOf(theirs) }))
    .toSorted((one, other) => other.jobs - one.jobs || other.seconds - one.seconds)
    .slice(0, mostPeople)
  return [
    `**${say('How much I was used on this server')}**`,
    say('Today: {figures}', { figures: figuresOf(sumOf(ofLast(1)), say) }),
    ...[7, 30, 90].map((days) =>
      say('The last {days} days: {figures}', { days, figures: figuresOf(sumOf(ofLast(days)), say) }),
    ),
    `**${say('By day')}**`,
    ...days.map((day) => `${dateOf(day)}: ${figuresOf(sumOf(tallies.filter((one) => one.day === day)), say)}`),
    ...(people.length > 0 ? [`**${say('Who asked most in the last 30 days')}**`] : []),
    ...people.map(({ person, ...sum }, index) => `${index + 1}\\. <@${person}>: ${figuresOf(sum, say)}`),
    say(
      '-# Counted by day (UTC), private jobs too; nothing is kept of what they were. After 90 days the counts are deleted.',
    ),
  ].join('\n')
}

type Sum = Pick<Tally, 'jobs' | 'failures' | 'seconds'>

const sumOf = (tallies: readonly Tally[]): Sum =>
  tallies.reduce(
    (sum, { jobs, failures, seconds }) => ({
      jobs: sum.jobs + jobs,
      failures: sum.failures + failures,
      seconds: sum.seconds + seconds,
    }),
    { jobs: 0, failures: 0, seconds: 0 },
  )

function figuresOf({ jobs, failures, seconds }: Sum, say: Say): string {
  if (jobs === 0) return say('no jobs')
  return say(
    '{jobs, plural, =1 {one job} other {# jobs}}, {time} of computing, {failures, plural, =0 {none failed} =1 {one failed} other {# failed}}',
    { jobs, failures, time: timeOf(seconds) },
  )
}

/** In units that are written the same everywhere. */
function timeOf(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`
  return seconds < 90 * 60 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

/** Noon, which is on the same date for almost everybody. */
const dateOf = (day: number) => time(Math.floor((day + dayMilliseconds / 2) / 1000), TimestampStyles.ShortDate)
