import { UserError } from '../../errors.ts'
import type { Ticket } from '../../jobs/ticket.ts'
import type { Call } from '../interaction/command.ts'
import { isModerator } from '../interaction/permission.ts'

/**
 * Cancels a job of this server, or of these direct messages, waiting or running.
 * @returns false when there is none of this id
 * @throws UserError when it is not this person's to cancel
 */
export async function cancelJob(
  call: Pick<Call, 'interaction' | 'queue' | 'scope' | 'person'>,
  id: string,
): Promise<boolean> {
  const { queue, scope, person } = call
  const ticket = (await queue.places(scope)).find((place) => place.ticket.id === id)?.ticket
  if (!ticket) return false
  if (!mayCancel(call, ticket)) {
    throw new UserError('Only the person who asked for it, or a moderator, can cancel this.')
  }
  return queue.cancel(id, ticket.person === person ? 'Cancelled.' : 'Cancelled by a moderator.')
}

/** Whoever asked for it, and moderators of the same server. */
export const mayCancel = (
  { interaction, scope, person }: Pick<Call, 'interaction' | 'scope' | 'person'>,
  ticket: Ticket,
): boolean => ticket.scope === scope && (ticket.person === person || isModerator(interaction))
