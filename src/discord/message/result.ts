import { escapeMarkdown } from 'discord.js'
import type { Job, JobResult } from '../../jobs/protocol.ts'
import type { Ticket as AnyTicket } from '../../jobs/ticket.ts'
import type { ResultRecord } from '../../store/results.ts'
import type { FollowUp, ResultAction } from '../delivery/result-action.ts'
import { galleryPost, type Picture, type Post, withRows } from './post.ts'
import { resultButtons } from './result-buttons.ts'
import { verdictText } from './verdict.ts'

type Show = Extract<ResultAction, { type: 'show' }>
type Ticket = AnyTicket<FollowUp>
type PictureJob = Extract<Job, { kind: 'analogy' | 'apply' }>

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
    ...{ id: ticket.id, scope: ticket.scope, person: ticket.person, channelId: target.channelId, at: Date.now() },
    ...{ pairs: action.pairs, image: imageOf(job), differences, facts, pictures },
    fileNames: action.fileNames,
    options: { ...job.options, preserve },
  }
}

/** The part of a report that is stored with a difference. */
export function factsOf({ report }: JobResult): ResultRecord['facts'] {
  const { model, modelHash, mode, seed, steps, strength, preserve, fit, verdict, caption, pairs, version } = report
  return { model, modelHash, mode, seed, steps, strength, preserve, fit, verdict, caption, pairs, version }
}

/** A post with all pictures, and one with B′ alone in case they are too large to be posted together. */
export function resultPosts(ticket: Ticket, action: Show, result: JobResult): { all: Post; alone: Post } {
  const job = ticket.job as PictureJob
  const { image, report, notices } = result
  if (!image) throw new Error('Expected the job to end with a picture.')
  const { prompt } = job.options
  const b = prompt ?? report.caption?.b ?? 'the picture to change'
  const { fileNames = {} } = action
  const inputs: Picture[] = [
    ...exampleOf(action, action.learned?.facts.caption ?? report.caption),
    { name: fileNames.b ?? 'b.png', bytes: imageOf(job), alt: `B: ${b}` },
  ]
  const change = action.names.length > 0 ? `with ${list(action.names)} applied` : 'changed as A is to become A′'
  const output: Picture = { name: 'b2.png', bytes: image, alt: `B′: ${b}, ${change}` }
  const text = [titleOf(action), ...notices, `-# ${detailsOf(result, prompt)}`]
  const rows = resultButtons(ticket.id)
  const alone = galleryPost([...text, '-# The other pictures are too large to be posted again.'].join('\n'), [output])
  const { fileLimitBytes } = ticket.followUp.target
  const isTooLarge = inputs.some(({ bytes }) => bytes.length > fileLimitBytes)
  const all = isTooLarge ? alone : galleryPost(text.join('\n'), [...inputs, output])
  return { all: withRows(all, ...rows), alone: withRows(alone, ...rows) }
}

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
