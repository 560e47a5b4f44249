import { UserError } from '../../errors.ts'
import type { ResultRecord } from '../../store/results.ts'
import type { ActionCall } from '../interaction/command.ts'

/**
 * The stored result behind a button. Only results of this server are found; in direct messages, one's own from
 * anywhere, because a result is sent there when its channel is closed to the bot.
 *
 * @throws UserError if it is no longer kept
 */
export async function findResult({ store, scope, person, interaction, argument }: ActionCall): Promise<ResultRecord> {
  const record = await store.results.get(argument)
  const isOwn = !interaction.guildId && record?.person === person
  if (record && (record.scope === scope || isOwn)) return record
  throw new UserError('I no longer have the pictures of this result; please start again with `/analogy`.')
}
