import { MessageFlags } from 'discord.js'
import type { Sentence } from '../../sentence.ts'
import type { AnyInteraction } from '../interaction/interactions.ts'
import { isAlone } from '../interaction/scope.ts'
import { sayIn } from '../language/say.ts'
import { messageOptions, type Post, textPost } from '../message/post.ts'
import { createDelivery } from './delivery.ts'
import { type ReplyTarget, replyTargetOf } from './reply-target.ts'

/** The answer to one interaction, until a job takes over. */
export interface Reply {
  /**
   * Answers "is thinking". If the command fails before that, or later without a job, only the person is told.
   *
   * @param options.isPrivate Only this person sees the answer and the result of a job. @default false
   */
  readonly open: (options?: { readonly isPrivate?: boolean }) => Promise<void>
  /** Announces to the person alone that `whisper` follows: for answers that take a while to send, such as pictures. */
  readonly think: () => Promise<void>
  /** Answers privately. */
  readonly whisper: (post: Post | string) => Promise<void>
  /** Where `open` answered. */
  readonly target: () => ReplyTarget
  /** The final message when there is no result. */
  readonly fail: (sentence: string | Sentence) => Promise<void>
}

interface ReplyOptions {
  /** Rejects with a UserError where nothing may be posted. */
  readonly mayOpen: () => Promise<void>
  /** Stores where the person waits, beyond the end of this process. Called before they are told to wait. */
  readonly remember: (target: ReplyTarget) => Promise<void>
}

export function createReply(interaction: AnyInteraction, { mayOpen, remember }: ReplyOptions): Reply {
  let target: ReplyTarget | undefined

  /** Stored first: the process may end between the acknowledgement and the ticket. */
  const acknowledge = async (isPrivate: boolean) => {
    await remember(replyTargetOf(interaction, isPrivate))
    const flags = isPrivate ? ([MessageFlags.Ephemeral] as const) : []
    const response = await interaction.deferReply({ withResponse: true, flags })
    const answered = replyTargetOf(interaction, isPrivate, response)
    await remember(answered)
    return answered
  }

  const whisper = async (given: Post | string) => {
    const options = messageOptions(typeof given === 'string' ? textPost(given) : given)
    const flags = options.flags | MessageFlags.Ephemeral
    if (interaction.deferred || interaction.replied) await interaction.followUp({ ...options, flags })
    else await interaction.reply({ ...options, flags })
  }

  return {
    open: async ({ isPrivate = false } = {}) => {
      await mayOpen()
      // In direct messages nobody else is there.
      target = await acknowledge(isPrivate && !isAlone(interaction))
    },
    think: async () => void (await acknowledge(true)),
    whisper,
    target: () => {
      if (!target) throw new Error('Expected the reply to be open.')
      return target
    },
    fail: async (sentence) => {
      if (target) await createDelivery(interaction.client, target, interaction.id).whisper(sentence)
      else await whisper(sayIn(interaction.locale)(sentence))
    },
  }
}
