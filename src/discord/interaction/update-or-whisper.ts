import { MessageFlags } from 'discord.js'
import { messageOptions, type Post } from '../message/post.ts'
import type { ActionCall } from './command.ts'

/**
 * Replaces the private message whose component was used with `post`. A public message stays as it is, and the answer is
 * private.
 */
export async function updateOrWhisper({ interaction, reply }: ActionCall, post: Post): Promise<void> {
  const isPrivate = interaction.message?.flags.has(MessageFlags.Ephemeral)
  if (!isPrivate || (interaction.isModalSubmit() && !interaction.isFromMessage())) return reply.whisper(post)
  await interaction.deferUpdate()
  await interaction.editReply(messageOptions(post))
}
