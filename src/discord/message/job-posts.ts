import { escapeMarkdown, TimestampStyles, time } from 'discord.js'
import type { JobResult } from '../../jobs/protocol.ts'
import type { Ticket as AnyTicket } from '../../jobs/ticket.ts'
import type { ReplyTarget } from '../delivery/reply-target.ts'
import type { FollowUp, ResultAction } from '../delivery/result-action.ts'
import { buttonRow, galleryPost, type Post, textPost, withRows } from './post.ts'
import { type Activity, narrate } from './progress.ts'
import { isOutputCovered } from './result.ts'
import { isCovered, isShown } from './sensitivity.ts'
import { verdictText } from './verdict.ts'

type Save = Extract<ResultAction, { type: 'save' }>
type Ticket = AnyTicket<FollowUp>

/** What the worker has told so far, besides its progress. */
export interface Told {
  preview?: Uint8Array
  notice?: string
}

/** Of a job that waits or runs. */
export function progressPost(ticket: Ticket, activity: Activity, { preview, notice }: Told): Post {
  const { target, action, isForAdults } = ticket.followUp
  const text = [
    narrate(activity),
    ...(notice ? [notice] : []),
    ...(target.isPrivate || target.isApart ? [byTokenOnly(target)] : []),
  ].join('\n')
  const cancel = buttonRow([{ label: 'Cancel', action: `cancel:${ticket.id}` }])
  if (!preview) return withRows(textPost(text), cancel)
  const covered = action.type === 'show' && isOutputCovered(action, isForAdults)
  const picture = { name: 'preview.png', bytes: preview, alt: 'B′ as it forms', isCovered: covered }
  return withRows(galleryPost(text, [picture]), cancel)
}

/** Such a message can only be changed as long as its token lives. */
function byTokenOnly({ expiresAt, isPrivate }: ReplyTarget): string {
  const until = time(Math.floor(expiresAt / 1000), TimestampStyles.ShortTime)
  const why = isPrivate ? 'Only you see this.' : 'I am a guest in this channel.'
  return `-# ${why} If it isn’t ready by ${until} you get it as a direct message.`
}

export function savedPost({ followUp }: Ticket, { name, how, sensitivity }: Save, result: JobResult): Post {
  const { pictures = {}, report, notices } = result
  const { isForAdults = false } = followUp
  const title = `${how === 'learned' ? 'Learned and saved' : 'Saved'} **${escapeMarkdown(name)}**: use it with \`/apply-diff\`.`
  const verdict = verdictText(report.verdict)
  const text = [title, ...notices, ...(verdict ? [`-# ${verdict}`] : [])].join('\n')
  if (!pictures.pair || !isShown(sensitivity, isForAdults)) return textPost(text)
  const { a = 'the example before', a2 = 'the example after' } = report.caption ?? {}
  const covered = isCovered(sensitivity, isForAdults)
  return galleryPost(text, [{ name: 'pair.png', bytes: pictures.pair, alt: `A: ${a}. A′: ${a2}`, isCovered: covered }])
}
