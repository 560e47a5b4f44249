import { UserError } from '../../errors.ts'
import type { ResultRecord } from '../../store/results.ts'
import type { ActionCall } from '../interaction/command.ts'

/**
What stands behind the result whose button was pressed: of this server only, or in direct messages one's own from
wherever it was asked for, since a result goes there when its channel is closed to the bot.

@throws UserError when it is no longer kept
*/
export async function findResult({ store, scope, person, interaction, argument }: ActionCall): Promise<ResultRecord> {
  const record = await store.results.get(argument)
  const isOwn = !interaction.guildId && record?.person === person
  if (record && (record.scope === scope || isOwn)) return record
  throw new UserError('What is behind this message is no longer kept; please start again with `/analogy`.')
}
