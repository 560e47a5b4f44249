import { escapeMarkdown } from 'discord.js'
import type { Job, JobResult, Report } from '../../jobs/protocol.ts'
import type { Ticket as AnyTicket } from '../../jobs/ticket.ts'
import { sentence } from '../../sentence.ts'
import type { ResultRecord } from '../../store/results.ts'
import { sayAt } from '../delivery/reply-target.ts'
import type { FollowUp, ResultAction } from '../delivery/result-action.ts'
import type { Say } from '../language/say.ts'
import { afterAlt, beforeAlt } from './alt.ts'
import { galleryPost, type Picture, type Post, withRows } from './post.ts'
import { resultButtons } from './result-buttons.ts'
import { isCovered, isShown, together } from './sensitivity.ts'
import { verdictText } from './verdict.ts'

type Show = Extract<ResultAction, { type: 'show' }>
type Ticket = AnyTicket<FollowUp>
type PictureJob = Extract<Job, { kind: 'analogy' | 'apply' }>

/** The ticket with pictures that Discord can show, if it was given others. */
export function withShownInputs(ticket: Ticket, { inputs }: JobResult): Ticket {
  const { job, followUp } = ticket
  if (!inputs) return ticket
  const { pairs = [], b } = inputs
  const { action } = followUp
  if (job.kind === 'learn') return { ...ticket, job: { ...job, pairs } }
  if (job.kind === 'apply') return { ...ticket, job: { ...job, image: b ?? job.image } }
  if (job.kind !== 'analogy' || action.type !== 'show') return ticket
  return { ...ticket, job: { ...job, pairs, b: b ?? job.b }, followUp: { ...followUp, action: { ...action, pairs } } }
}

/** What is stored with a result, so that its buttons work after a restart and a month later. */
export function recordOf(ticket: Ticket, action: Show, result: JobResult): ResultRecord {
  const job = ticket.job as PictureJob
  const { target } = ticket.followUp
  const { report, difference } = result
  const { strength, preserve } = report
  const { facts, pictures } = action.learned ?? { facts: factsOf(result), pictures: result.pictures ?? {} }
  const differences =
    job.kind === 'apply'
      ? job.differences.map((one, index) => ({ ...one, name: action.names[index] }))
      : [{ bytes: difference!, strength }]
  return {
    id: ticket.id,
    scope: ticket.scope,
    person: ticket.person,
    at: Date.now(),
    channelId: target.channelId,
    messageId: target.messageId,
    isPrivate: target.isPrivate,
    pairs: action.pairs,
    image: imageOf(job),
    differences,
    facts,
    pictures,
    learnedBy: action.learned ? action.learned.person : ticket.person,
    fileNames: action.fileNames,
    sensitivity: action.sensitivity,
    options: { ...job.options, preserve },
  }
}

/** The part of a report that is stored with a difference. */
export function factsOf({ report }: JobResult): ResultRecord['facts'] {
  const { seconds, loss, evaluations, peakRssBytes, device, bench, ...facts } = report
  return facts
}

/** A post with all pictures, and one with B′ alone in case they are too large to be posted together. */
export function resultPosts(ticket: Ticket, action: Show, result: JobResult): { all: Post; alone: Post } {
  const job = ticket.job as PictureJob
  const { image, report, notices } = result
  if (!image) throw new Error('Expected the job to end with a picture.')
  const { prompt } = job.options
  const b = prompt ?? report.caption?.b ?? sentence('the picture to change')
  const { fileNames = {}, sensitivity } = action
  const { isForAdults = false, target } = ticket.followUp
  const say = sayAt(target)
  const example = exampleOf(say, action, action.learned?.facts.caption ? action.learned.facts : report)
  const input = { name: fileNames.b ?? 'b.png', bytes: imageOf(job), alt: say('B: {what}', { what: b }) }
  const given = [
    ...example.map((picture) => [picture, sensitivity?.example] as const),
    [input, sensitivity?.b] as const,
  ]
  const inputs = given
    .filter(([, one]) => isShown(one, isForAdults))
    .map(([picture, one]): Picture => ({ ...picture, isCovered: isCovered(one, isForAdults) }))
  const output: Picture = {
    name: 'b2.png',
    bytes: image,
    alt:
      action.names.length > 0
        ? say('B′: {what}, with {names} applied', { what: b, names: action.names })
        : say('B′: {what}, changed as A is to become A′', { what: b }),
    isCovered: isOutputCovered(action, isForAdults),
  }
  const text = [
    titleOf(say, action),
    ...(report.exact ? [say('{what}: done exactly, with B’s own pixels.', { what: report.exact })] : []),
    ...(report.part ? [say('{what}: done exactly; the rest was learned.', { what: report.part })] : []),
    ...notices.map((one) => say(one)),
    ...(inputs.length < given.length ? [`-# ${say(onlyForAdults)}`] : []),
    ...askedFor(say, ticket),
    `-# ${detailsOf(say, result, prompt)}`,
  ]
  const rows = resultButtons(
    say,
    ticket.id,
    report.strength,
    !!(report.exact ?? report.part) && action.names.length === 0,
  )
  const tooLarge = `-# ${say('The other pictures are too large to be posted again.')}`
  const alone = galleryPost([...text, tooLarge].join('\n'), [output])
  const { fileLimitBytes } = target
  const isTooLarge = inputs.some(({ bytes }) => bytes.length > fileLimitBytes)
  const all = isTooLarge ? alone : galleryPost(text.join('\n'), [...inputs, output])
  return { all: withRows(all, ...rows), alone: withRows(alone, ...rows) }
}

/** Who pressed a button, or used a menu, and where: nothing else in the channel tells. */
export function askedFor(say: Say, { person, followUp: { source } }: Ticket): string[] {
  return source ? [`-# ${say('Asked for by {person}, from {source}', { person: `<@${person}>`, source })}`] : []
}

const onlyForAdults = sentence('What comes from an age-restricted channel is shown only in such channels.')

/** For B′ and its previews: it was made from all pictures. @param forAdults The channel is age-restricted. */
export const isOutputCovered = ({ sensitivity }: Show, forAdults = false): boolean =>
  isCovered(together([sensitivity?.example, sensitivity?.b]), forAdults)

const imageOf = (job: PictureJob) => (job.kind === 'apply' ? job.image : job.b)

/** A and A′ of the first pair; thumbnails if the pair itself is not kept. */
function exampleOf(say: Say, { pairs, learned, fileNames = {} }: Show, captioned: Pick<Report, 'caption'>): Picture[] {
  const { a, a2 } = pairs[0] ?? learned?.pictures ?? {}
  if (!a || !a2) return []
  return [
    { name: fileNames.a ?? 'a.png', bytes: a, alt: say(beforeAlt(captioned)) },
    { name: fileNames.a2 ?? 'a2.png', bytes: a2, alt: say(afterAlt(captioned)) },
  ]
}

function titleOf(say: Say, { names }: Show): string {
  return names.length > 0
    ? say('{names} applied to **B**', { names: names.map((name) => `**${escapeMarkdown(name)}**`) })
    : say('**A** is to **A′** as **B** is to **B′**')
}

function detailsOf(say: Say, { report }: JobResult, prompt?: string): string {
  const { seed, strength, preserve, verdict, seconds } = report
  return [
    say('seed {seed}', { seed }),
    strength !== undefined && say('strength {strength}', { strength: round(strength) }),
    preserve !== undefined && say('preserve {preserve}', { preserve: round(preserve) }),
    verdictText(say, verdict),
    seconds.total !== undefined && say('{seconds} s', { seconds: round(seconds.total) }),
    prompt && say('words: {words}', { words: escapeMarkdown(prompt) }),
  ]
    .filter(Boolean)
    .join(' · ')
}

export const round = (value: number): number => Math.round(value * 100) / 100
