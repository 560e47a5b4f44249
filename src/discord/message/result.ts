import { escapeMarkdown } from 'discord.js'
import type { Job, JobResult } from '../../jobs/protocol.ts'
import type { Ticket as AnyTicket } from '../../jobs/ticket.ts'
import type { ResultRecord } from '../../store/results.ts'
import type { FollowUp, ResultAction } from '../delivery/result-action.ts'
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
  const b = prompt ?? report.caption?.b ?? 'the picture to change'
  const { fileNames = {}, sensitivity } = action
  const { isForAdults = false, target, source } = ticket.followUp
  const example = exampleOf(action, action.learned?.facts.caption ?? report.caption)
  const input = { name: fileNames.b ?? 'b.png', bytes: imageOf(job), alt: `B: ${b}` }
  const given = [
    ...example.map((picture) => [picture, sensitivity?.example] as const),
    [input, sensitivity?.b] as const,
  ]
  const inputs = given
    .filter(([, one]) => isShown(one, isForAdults))
    .map(([picture, one]): Picture => ({ ...picture, isCovered: isCovered(one, isForAdults) }))
  const change = action.names.length > 0 ? `with ${list(action.names)} applied` : 'changed as A is to become A′'
  const output: Picture = {
    name: 'b2.png',
    bytes: image,
    alt: `B′: ${b}, ${change}`,
    isCovered: isOutputCovered(action, isForAdults),
  }
  const text = [
    titleOf(action),
    ...(report.exact ? [`${report.exact}: done exactly, with B’s own pixels.`] : []),
    ...(report.part ? [`${report.part}: done exactly; the rest was learned.`] : []),
    ...notices,
    ...(inputs.length < given.length ? [onlyForAdults] : []),
    ...(source ? [`-# Asked for by <@${ticket.person}>, from ${source}`] : []),
    `-# ${detailsOf(result, prompt)}`,
  ]
  const rows = resultButtons(ticket.id, report.strength, !!report.exact && action.names.length === 0)
  const alone = galleryPost([...text, '-# The other pictures are too large to be posted again.'].join('\n'), [output])
  const { fileLimitBytes } = target
  const isTooLarge = inputs.some(({ bytes }) => bytes.length > fileLimitBytes)
  const all = isTooLarge ? alone : galleryPost(text.join('\n'), [...inputs, output])
  return { all: withRows(all, ...rows), alone: withRows(alone, ...rows) }
}

const onlyForAdults = '-# What comes from an age-restricted channel is shown only in such channels.'

/** For B′ and its previews: it was made from all pictures. @param forAdults The channel is age-restricted. */
export const isOutputCovered = ({ sensitivity }: Show, forAdults = false): boolean =>
  isCovered(together([sensitivity?.example, sensitivity?.b]), forAdults)

const imageOf = (job: PictureJob) => (job.kind === 'apply' ? job.image : job.b)

/** A and A′ of the first pair; thumbnails if the pair itself is not kept. */
function exampleOf(
  { pairs, learned, fileNames = {} }: Show,
  caption: { readonly a?: string; readonly a2?: string } = {},
): Picture[] {
  const { a, a2 } = pairs[0] ?? learned?.pictures ?? {}
  if (!a || !a2) return []
  return [
    { name: fileNames.a ?? 'a.png', bytes: a, alt: `A: ${caption.a ?? 'the example before'}` },
    { name: fileNames.a2 ?? 'a2.png', bytes: a2, alt: `A′: ${caption.a2 ?? 'the example after'}` },
  ]
}

function titleOf({ names }: Show): string {
  return names.length > 0
    ? `${list(names.map((name) => `**${escapeMarkdown(name)}**`))} applied to **B**`
    : '**A** is to **A′** as **B** is to **B′**'
}

const list = (names: readonly string[]) => names.join(' and ')

function detailsOf({ report }: JobResult, prompt?: string): string {
  const { seed, strength, preserve, verdict, seconds } = report
  return [
    `seed ${seed}`,
    strength !== undefined && `strength ${round(strength)}`,
    preserve !== undefined && `preserve ${round(preserve)}`,
    verdictText(verdict),
    seconds.total !== undefined && `${round(seconds.total)} s`,
    prompt && `words: ${escapeMarkdown(prompt)}`,
  ]
    .filter(Boolean)
    .join(' · ')
}

export const round = (value: number): number => Math.round(value * 100) / 100
