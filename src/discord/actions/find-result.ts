import { Routes } from 'discord.js'
import { UserError } from '../../errors.ts'
import type { ResultRecord } from '../../store/results.ts'
import { isUnknownMessage } from '../delivery/delivery.ts'
import type { ActionCall, Call } from '../interaction/command.ts'
import { isApart, serverOf } from '../interaction/scope.ts'

/**
 * The stored result behind a button. Only results of this server are found; in direct messages, one's own from
 * anywhere, because a result is sent there when its channel is closed to the bot.
 *
 * @throws UserError if it is no longer kept
 */
export async function findResult(call: ActionCall): Promise<ResultRecord> {
  const { store, scope, person, interaction, argument } = call
  const record = await store.results.get(argument)
  const isOwn = !serverOf(interaction) && record?.person === person
  const isMeant = record && (record.scope === scope || isOwn)
  // A form may stay open longer than its message exists.
  if (isMeant && !(interaction.isModalSubmit() && (await isResultGone(call, record)))) return record
  throw new UserError('I no longer have the pictures of this result; please start again with `/analogy`.')
}

/** Whether the result's message was deleted, in any way. Nothing of it is kept then. */
export async function isResultGone({ interaction, store }: Call, record: ResultRecord): Promise<boolean> {
  const { id, channelId, messageId, isPrivate } = record
  // The bot can't look up a message that only one person sees, or that is where the bot is not.
  if (!messageId || isPrivate || isApart(interaction)) return false
  try {
    await interaction.client.rest.get(Routes.channelMessage(channelId, messageId))
    return false
  } catch (error) {
    if (!isUnknownMessage(error)) return false
    await store.results.remove(id)
    return true
  }
}
