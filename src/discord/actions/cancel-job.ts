import { UserError } from '../../errors.ts'
import type { Ticket } from '../../jobs/ticket.ts'
import { sentence } from '../../sentence.ts'
import type { Call } from '../interaction/command.ts'
import { isModerator } from '../interaction/permission.ts'

/**
 * Cancels a waiting or running job of this server, or of these direct messages.
 * @returns false if there is no such job
 * @throws UserError if this person may not cancel it
 */
export async function cancelJob(
  call: Pick<Call, 'interaction' | 'queue' | 'scope' | 'person'>,
  id: string,
): Promise<boolean> {
  const { queue, scope, person } = call
  const ticket = (await queue.positions(scope)).find((place) => place.ticket.id === id)?.ticket
  if (!ticket) return false
  if (!mayCancel(call, ticket)) {
    throw new UserError('Only the person who started this job, or a moderator, can cancel it.')
  }
  return queue.cancel(id, ticket.person === person ? sentence('Cancelled.') : sentence('Cancelled by a moderator.'))
}

/** The person who started it, and moderators of the same server. */
export const mayCancel = (
  { interaction, scope, person }: Pick<Call, 'interaction' | 'scope' | 'person'>,
  ticket: Ticket,
): boolean => ticket.scope === scope && (ticket.person === person || isModerator(interaction))
