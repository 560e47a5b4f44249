import { Routes } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { ResultRecord } from '../../store/results.ts'
import { isUnknownMessage } from '../delivery/delivery.ts'
import type { ActionCall, Call } from '../interaction/command.ts'

/**
What stands behind the result whose button was pressed: of this server only, or in direct messages one's own from
wherever it was asked for, since a result goes there when its channel is closed to the bot.

@throws UserError when it is no longer kept
*/
export async function findResult(call: ActionCall): Promise<ResultRecord> {
  const { store, scope, person, interaction, argument } = call
  const record = await store.results.get(argument)
  const isOwn = !interaction.guildId && record?.person === person
  const isMeant = record && (record.scope === scope || isOwn)
  // A form may stay open longer than its message.
  if (isMeant && !(interaction.isModalSubmit() && (await isResultGone(call, record)))) return record
  throw new UserError('I no longer have the pictures of this result; please start again with `/analogy`.')
}

/** Whether the result's message was deleted, by whatever means; then nothing of it is kept any longer. */
export async function isResultGone({ interaction, store }: Call, record: ResultRecord): Promise<boolean> {
  const { id, channelId, messageId, isPrivate } = record
  // What only one person sees is not to be found by the bot.
  if (!messageId || isPrivate) return false
  try {
    await interaction.client.rest.get(Routes.channelMessage(channelId, messageId))
    return false
  } catch (error) {
    if (!isUnknownMessage(error)) return false
    await store.results.remove(id)
    return true
  }
}
