import { UserError } from '../../errors.ts'
import type { JobResult } from '../../jobs/protocol.ts'
import type { Ticket } from '../../jobs/ticket.ts'
import { firstThatFits } from '../delivery/delivery.ts'
import type { FollowUp } from '../delivery/result-action.ts'
import type { ActionCall } from '../interaction/command.ts'
import { isModerator } from '../interaction/permission.ts'
import { messageOptions } from '../message/post.ts'
import { recordOf, resultPosts } from '../message/result.ts'
import { findResult } from './find-result.ts'

/**
 * The chosen one of several B′ becomes the result: the message shows it alone, and its buttons act on it.
 * The argument is the id of the result and the number of the B′, from 0.
 *
 * @throws UserError if this person may not choose, or there is nothing to choose from
 */
export async function chooseVariant(call: ActionCall): Promise<void> {
  const { interaction, store, person, argument } = call
  const [id = '', index] = argument.split(':')
  const record = await findResult({ ...call, argument: id })
  if (record.person !== person && !isModerator(interaction)) {
    throw new UserError('Only the person who asked for it, or a moderator, can choose.')
  }
  // As it was kept by recordOf.
  const { ticket, result } = (record.choice ?? {}) as { ticket?: Ticket<FollowUp>; result?: JobResult }
  const variant = result?.variants?.[Number(index)]
  if (!ticket || !result || !variant || !interaction.isButton()) throw new UserError('One was chosen already.')
  const { job, followUp } = ticket
  if (followUp.action.type !== 'show') throw new Error('Expected the action to show a result.')
  const { seed, image } = variant
  const chosen = { ...ticket, job: { ...job, options: { ...job.options, seed, variants: undefined } } as typeof job }
  const alone = { ...result, image, variants: undefined, report: { ...result.report, seed } }
  await interaction.deferUpdate()
  await firstThatFits(resultPosts(chosen, followUp.action, alone), (post) =>
    interaction.editReply({ ...messageOptions(post), attachments: [] }),
  )
  const { at, channelId, messageId } = record
  await store.results.put({ ...recordOf(chosen, followUp.action, alone), at, channelId, messageId })
}
