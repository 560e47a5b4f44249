import { MessageFlags } from 'discord.js'
import type { AnyInteraction } from '../interaction/interactions.ts'
import { messageOptions, type Post, textPost } from '../message/post.ts'
import { createDelivery, type ReplyTarget, replyTargetOf } from './delivery.ts'

/** The answer to one interaction, until a job takes over. */
export interface Reply {
  /**
   * Answers in public with "is thinking". If the command fails before that, or later without a job, only the person is
   * told.
   */
  readonly open: () => Promise<void>
  /** Announces to the person alone that `whisper` follows: for answers that take a while to send, such as pictures. */
  readonly think: () => Promise<void>
  /** Answers privately. */
  readonly whisper: (post: Post | string) => Promise<void>
  /** Where `open` answered. */
  readonly target: () => ReplyTarget
  /** The final message when there is no result. */
  readonly fail: (sentence: string) => Promise<void>
}

/**
@param mayOpen Rejects with a UserError where nothing may be posted.
@param remember Keeps where the person waits, beyond the end of this process: called before they are told to.
*/
export function createReply(
  interaction: AnyInteraction,
  mayOpen: () => Promise<void>,
  remember: (target: ReplyTarget) => Promise<void>,
): Reply {
  let target: ReplyTarget | undefined

  const whisper = async (given: Post | string) => {
    const options = messageOptions(typeof given === 'string' ? textPost(given) : given)
    const flags = options.flags | MessageFlags.Ephemeral
    if (interaction.deferred || interaction.replied) await interaction.followUp({ ...options, flags })
    else await interaction.reply({ ...options, flags })
  }

  return {
    open: async () => {
      await mayOpen()
      await remember(replyTargetOf(interaction))
      target = replyTargetOf(interaction, await interaction.deferReply({ withResponse: true }))
      await remember(target)
    },
    think: async () => void (await interaction.deferReply({ flags: MessageFlags.Ephemeral })),
    whisper,
    target: () => {
      if (!target) throw new Error('Expected the reply to be open.')
      return target
    },
    fail: async (sentence) => {
      if (target) await createDelivery(interaction.client, target, interaction.id).whisper(sentence)
      else await whisper(sentence)
    },
  }
}
