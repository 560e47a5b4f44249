import { MessageFlags } from 'discord.js'
import { messageOptions, type Post } from '../message/post.ts'
import type { ActionCall } from './command.ts'

/** Puts `post` in the place of the private message that was used; a public one stays as it is, and the person is told alone. */
export async function updateOrWhisper({ interaction, reply }: ActionCall, post: Post): Promise<void> {
  const isPrivate = interaction.message?.flags.has(MessageFlags.Ephemeral)
  if (!isPrivate || (interaction.isModalSubmit() && !interaction.isFromMessage())) return reply.whisper(post)
  await interaction.deferUpdate()
  await interaction.editReply(messageOptions(post))
}
