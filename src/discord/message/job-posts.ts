import { escapeMarkdown, TimestampStyles, time } from 'discord.js'
import type { JobResult } from '../../jobs/protocol.ts'
import type { Ticket as AnyTicket } from '../../jobs/ticket.ts'
import { type Sentence, sentence } from '../../sentence.ts'
import { type ReplyTarget, sayAt } from '../delivery/reply-target.ts'
import type { FollowUp, ResultAction } from '../delivery/result-action.ts'
import { pairAlt } from './alt.ts'
import { buttonRow, galleryPost, type Post, textPost, withRows } from './post.ts'
import { type Activity, narrate } from './progress.ts'
import { askedFor, isOutputCovered } from './result.ts'
import { isCovered, isShown } from './sensitivity.ts'
import { verdictText } from './verdict.ts'

type Save = Extract<ResultAction, { type: 'save' }>
type Ticket = AnyTicket<FollowUp>

/** What the worker has told so far, besides its progress. */
export interface Told {
  preview?: Uint8Array
  notice?: string | Sentence
}

/** Of a job that waits or runs. */
export function progressPost(ticket: Ticket, activity: Activity, { preview, notice }: Told): Post {
  const { target, action, isForAdults } = ticket.followUp
  const say = sayAt(target)
  const text = [
    narrate(say, activity),
    ...(notice ? [say(notice)] : []),
    ...askedFor(say, ticket),
    ...(target.isPrivate || target.isApart ? [`-# ${say(byTokenOnly(target))}`] : []),
  ].join('\n')
  const cancel = buttonRow([{ label: say('Cancel'), action: `cancel:${ticket.id}` }])
  if (!preview) return withRows(textPost(text), cancel)
  const covered = action.type === 'show' && isOutputCovered(action, isForAdults)
  const picture = { name: 'preview.png', bytes: preview, alt: say('B′ as it forms'), isCovered: covered }
  return withRows(galleryPost(text, [picture]), cancel)
}

/** Such a message can only be changed as long as its token lives. */
function byTokenOnly({ expiresAt, isPrivate }: ReplyTarget): Sentence {
  const values = { until: time(Math.floor(expiresAt / 1000), TimestampStyles.ShortTime) }
  return isPrivate
    ? sentence('Only you see this. If it isn’t ready by {until} you get it as a direct message.', values)
    : sentence('I am a guest in this channel. If it isn’t ready by {until} you get it as a direct message.', values)
}

export function savedPost(ticket: Ticket, { name, how, sensitivity }: Save, result: JobResult): Post {
  const { pictures = {}, report, notices } = result
  const { isForAdults = false, target } = ticket.followUp
  const say = sayAt(target)
  const title = say(
    how === 'learned'
      ? 'Learned and saved {name}: use it with `/apply-diff`.'
      : 'Saved {name}: use it with `/apply-diff`.',
    { name: `**${escapeMarkdown(name)}**` },
  )
  const verdict = verdictText(say, report.verdict)
  const smallPrint = [...askedFor(say, ticket), ...(verdict ? [`-# ${verdict}`] : [])]
  const text = [title, ...notices.map((one) => say(one)), ...smallPrint].join('\n')
  if (!pictures.pair || !isShown(sensitivity, isForAdults)) return textPost(text)
  const alt = say(pairAlt(report))
  const covered = isCovered(sensitivity, isForAdults)
  return galleryPost(text, [{ name: 'pair.png', bytes: pictures.pair, alt, isCovered: covered }])
}
