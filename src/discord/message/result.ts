import { escapeMarkdown } from 'discord.js'
import type { Job, JobResult, Report } from '../../jobs/protocol.ts'
import type { Ticket as AnyTicket } from '../../jobs/ticket.ts'
import { sentence, template } from '../../sentence.ts'
import type { ResultRecord } from '../../store/results.ts'
import { sayAt } from '../delivery/reply-target.ts'
import type { FollowUp, ResultAction } from '../delivery/result-action.ts'
import type { Say } from '../language/say.ts'
import { afterAlt, beforeAlt } from './alt.ts'
import { galleryPost, type Picture, type Post, withRows } from './post.ts'
import { choiceButtons, resultButtons } from './result-buttons.ts'
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
    broughtBy: action.broughtBy ?? ticket.person,
    fileNames: action.fileNames,
    sensitivity: action.sensitivity,
    options: { ...job.options, preserve },
    choice: isChoice(result) ? { ticket: withoutToken(ticket), result } : undefined,
  }
}

/** Whether there are several B′, of which one is to be chosen. */
const isChoice = ({ variants = [] }: JobResult): boolean => variants.length > 1

/** As it is kept for long: the interaction's token is a secret. */
function withoutToken(ticket: Ticket): Ticket {
  const { followUp } = ticket
  return { ...ticket, followUp: { ...followUp, target: { ...followUp.target, token: '' } } }
}

/** The part of a report that is stored with a difference. */
export function factsOf({ report }: JobResult): ResultRecord['facts'] {
  const { seconds, loss, evaluations, peakRssBytes, device, bench, ...facts } = report
  return facts
}

/**
 * The post with all pictures; with B′ alone, in case they are too large to be posted together; and where there are
 * several B′, with the first one alone.
 */
export function resultPosts(ticket: Ticket, action: Show, result: JobResult): readonly Post[] {
  const { image, report, notices, variants } = result
  if (!image) throw new Error('Expected the job to end with a picture.')
  const { prompt, variants: wanted = 1 } = (ticket.job as PictureJob).options
  const { isForAdults = false, target } = ticket.followUp
  const say = sayAt(target)
  const given = givenTo(say, ticket, action, report)
  const inputs = given
    .filter(([, one]) => isShown(one, isForAdults))
    .map(([picture, one]): Picture => ({ ...picture, isCovered: isCovered(one, isForAdults) }))
  const outputs = outputsOf(say, ticket, action, result)
  const withheld = variants ? wanted - variants.length : 0
  const text = [
    titleOf(say, action),
    ...(report.exact ? [say('{what}: done exactly, with B’s own pixels.', { what: report.exact })] : []),
    ...(report.exact && wanted > 1 ? [say('That has no variants, so there is one picture.')] : []),
    ...(report.part ? [say('{what}: done exactly; the rest was learned.', { what: report.part })] : []),
    ...notices.map((one) => say(one)),
    ...(withheld > 0 ? [say(withheldVariants, { count: withheld })] : []),
    ...(inputs.length < given.length ? [`-# ${say(onlyForAdults)}`] : []),
    ...askedFor(say, ticket),
    `-# ${detailsOf(say, result, prompt)}`,
  ]
  const hasExactPart = !!(report.exact ?? report.part) && action.names.length === 0
  const rows = resultButtons(say, ticket.id, report.strength, hasExactPart)
  const choice = isChoice(result) ? choiceButtons(say, ticket.id, outputs.length) : rows
  const alone = (pictures: readonly Picture[]) => {
    const tooLarge = `-# ${say('The other pictures are too large to be posted again.')}`
    return galleryPost([...text, tooLarge].join('\n'), pictures)
  }
  const isTooLarge = inputs.some(({ bytes }) => bytes.length > target.fileLimitBytes)
  return [
    ...(isTooLarge ? [] : [withRows(galleryPost(text.join('\n'), [...inputs, ...outputs]), ...choice)]),
    withRows(alone(outputs), ...choice),
    ...(outputs.length > 1 ? [withRows(alone(outputs.slice(0, 1)), ...rows)] : []),
  ]
}

/** Who pressed a button, or used a menu, and where: nothing else in the channel tells. */
export function askedFor(say: Say, { person, followUp: { source } }: Ticket): string[] {
  return source ? [`-# ${say('Asked for by {person}, from {source}', { person: `<@${person}>`, source })}`] : []
}

/** A, A′ and B, each with its sensitivity. */
function givenTo(say: Say, ticket: Ticket, action: Show, report: Report) {
  const { fileNames = {}, sensitivity, learned } = action
  const example = exampleOf(say, action, learned?.facts.caption || learned?.facts.isDrawn ? learned.facts : report)
  const alt = say('B: {what}', { what: shownIn(ticket, report) })
  const input = { name: fileNames.b ?? 'b.png', bytes: imageOf(ticket.job as PictureJob), alt }
  return [...example.map((picture) => [picture, sensitivity?.example] as const), [input, sensitivity?.b] as const]
}

/** B′, or all of them. */
function outputsOf(say: Say, ticket: Ticket, action: Show, result: JobResult): Picture[] {
  const { names } = action
  const what = shownIn(ticket, result.report)
  const alt =
    names.length > 0
      ? sentence('B′: {what}, with {names} applied', { what, names })
      : sentence('B′: {what}, changed as A is to become A′', { what })
  const covered = isOutputCovered(action, ticket.followUp.isForAdults)
  const variants = isChoice(result) ? result.variants! : [{ image: result.image! }]
  return variants.map(({ image }, index) => ({
    name: index === 0 ? 'b2.png' : `b2-${index + 1}.png`,
    bytes: image,
    alt: isChoice(result) ? say('No. {number}: {alt}', { number: index + 1, alt }) : say(alt),
    isCovered: covered,
  }))
}

/** What B shows. */
const shownIn = (ticket: Ticket, { caption }: Report) =>
  (ticket.job as PictureJob).options.prompt ?? caption?.b ?? sentence('the picture to change')

const withheldVariants = template(
  '{count, plural, =1 {One more is} other {# more are}} withheld by the model’s safety checker.',
)

const onlyForAdults = sentence('What comes from an age-restricted channel is shown only in such channels.')

/** For B′ and its previews: it was made from all pictures. @param forAdults The channel is age-restricted. */
export const isOutputCovered = ({ sensitivity }: Show, forAdults = false): boolean =>
  isCovered(together([sensitivity?.example, sensitivity?.b]), forAdults)

const imageOf = (job: PictureJob) => (job.kind === 'apply' ? job.image : job.b)

/** A and A′ of the first pair; thumbnails if the pair itself is not kept. */
function exampleOf(
  say: Say,
  { pairs, learned, fileNames = {} }: Show,
  captioned: Pick<Report, 'caption' | 'isDrawn'>,
): Picture[] {
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
