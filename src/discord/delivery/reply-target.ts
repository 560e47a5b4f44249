import type { InteractionCallbackResponse } from 'discord.js'
import type { AnyInteraction } from '../interaction/interactions.ts'

/** Where a person waits for an answer. Plain data, so that a later process can answer too. */
export interface ReplyTarget {
  readonly applicationId: string
  /** The interaction's token: a secret while it lives. */
  readonly token: string
  /** When the token expires, in milliseconds since 1970. */
  readonly expiresAt: number
  readonly channelId: string
  /** Empty until the interaction has been answered. */
  readonly messageId: string
  readonly person: string
  /** The largest file that Discord accepts from this person's server. */
  readonly fileLimitBytes: number
  /** Only this person sees the message. @default false */
  readonly isPrivate?: boolean
}

const tokenLivesFor = 15 * 60_000

/** @param response Absent before the interaction is answered. */
export function replyTargetOf(
  interaction: AnyInteraction,
  isPrivate: boolean,
  response?: InteractionCallbackResponse,
): ReplyTarget {
  return {
    applicationId: interaction.applicationId,
    token: interaction.token,
    expiresAt: interaction.createdTimestamp + tokenLivesFor,
    channelId: interaction.channelId ?? '',
    messageId: response?.interaction.responseMessageId ?? response?.resource?.message?.id ?? '',
    person: interaction.user.id,
    fileLimitBytes: interaction.attachmentSizeLimit,
    ...(isPrivate && { isPrivate }),
  }
}
