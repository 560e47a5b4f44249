import type { InteractionCallbackResponse } from 'discord.js'
import type { AnyInteraction } from '../interaction/interactions.ts'
import { isApart } from '../interaction/scope.ts'
import { type Say, sayIn } from '../language/say.ts'

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
  /** The bot is not in the channel: it can write there only with the token. @default false */
  readonly isApart?: boolean
  /** The person's language, as Discord names it, for what only they see. @default English */
  readonly locale?: string
  /** The server's, for what everybody sees. @default English */
  readonly serverLocale?: string
}

const tokenLivesFor = 15 * 60_000

/** @param response Absent before the interaction is answered. */
export function replyTargetOf(
  interaction: AnyInteraction,
  isPrivate: boolean,
  response?: InteractionCallbackResponse,
): ReplyTarget {
  // Discord hides the answers of an app that only the person has, where the person may not use those in public.
  const isHidden = isPrivate || response?.interaction.responseMessageEphemeral === true
  return {
    applicationId: interaction.applicationId,
    token: interaction.token,
    expiresAt: interaction.createdTimestamp + tokenLivesFor,
    channelId: interaction.channelId ?? '',
    messageId: response?.interaction.responseMessageId ?? response?.resource?.message?.id ?? '',
    person: interaction.user.id,
    fileLimitBytes: interaction.attachmentSizeLimit,
    ...(isHidden && { isPrivate: isHidden }),
    ...(isApart(interaction) && { isApart: true }),
    locale: interaction.locale,
    // In direct messages and groups there is no server.
    serverLocale: interaction.guildLocale ?? interaction.locale,
  }
}

/** Says something in the message: in the language of those who see it. */
export const sayAt = ({ isPrivate, locale, serverLocale }: ReplyTarget): Say => sayIn(isPrivate ? locale : serverLocale)
