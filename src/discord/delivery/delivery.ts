import {
  type Client,
  DiscordAPIError,
  type InteractionCallbackResponse,
  type MessageCreateOptions,
  MessageFlags,
  type TextBasedChannel,
  WebhookClient,
} from 'discord.js'
import type { AnyInteraction } from '../interaction/interactions.ts'
import { messageOptions, type Post, textPost } from '../message/post.ts'

/** Where a person waits for an answer. Plain data, so that a later process can answer too. */
export interface ReplyTarget {
  readonly applicationId: string
  /** The interaction's token: a secret while it lives. */
  readonly token: string
  /** When the token expires, in milliseconds since 1970. */
  readonly expiresAt: number
  readonly channelId: string
  /** Empty until the answer is there. */
  readonly messageId: string
  readonly person: string
  /** The largest file that Discord accepts from this person's server. */
  readonly fileLimitBytes: number
}

export interface Delivery {
  /** Edits the message. Rejects when it can no longer be edited. */
  readonly edit: (post: Post) => Promise<void>
  /**
   * Edits the message; if that is impossible, replies in the channel; if even that is impossible, sends a direct
   * message.
   */
  readonly deliver: (post: Post) => Promise<DeliveryRoute>
  /** Deletes the message and tells the person privately; if that is impossible, edits the message. */
  readonly whisper: (sentence: string) => Promise<DeliveryRoute>
}

/** Where a post arrived. */
export type DeliveryRoute = 'message' | 'channel' | 'direct'

interface RouteAttempt {
  readonly route: DeliveryRoute
  readonly send: (post: Post) => Promise<unknown>
}

const tokenLivesFor = 15 * 60_000

export function replyTargetOf(interaction: AnyInteraction, response?: InteractionCallbackResponse): ReplyTarget {
  return {
    applicationId: interaction.applicationId,
    token: interaction.token,
    expiresAt: interaction.createdTimestamp + tokenLivesFor,
    channelId: interaction.channelId ?? '',
    messageId: response?.interaction.responseMessageId ?? response?.resource?.message?.id ?? '',
    person: interaction.user.id,
    fileLimitBytes: interaction.attachmentSizeLimit,
  }
}

/**
 * The routes to a person, in order of preference. The interaction's token expires after 15 minutes, the channel may be
 * closed to the bot, the message may be deleted: what took minutes to compute must arrive all the same.
 *
 * @param nonce Discord posts a message with the same nonce only once, so a result that is delivered again after a crash
 *   doesn't ping twice.
 */
export function createDelivery(client: Client, target: ReplyTarget, nonce: string): Delivery {
  const { channelId, messageId, person } = target
  const webhook = new WebhookClient(
    { id: target.applicationId, token: target.token },
    { rest: { ...client.options.rest }, allowedMentions: { parse: [] } },
  )
  let isTokenExpired = Date.now() >= target.expiresAt

  const throughToken = async (post: Post) => {
    if (isTokenExpired) throw new Error('The token of the interaction has expired.')
    try {
      await webhook.editMessage('@original', { ...messageOptions(post), attachments: [] })
    } catch (error) {
      // An expired token stays expired.
      if (!isWrongEverywhere(error)) isTokenExpired = true
      throw error
    }
  }
  const throughBot = async (post: Post) => {
    const channel = await fetchChannel()
    return channel.messages.edit(messageId, { ...messageOptions(post), attachments: [] })
  }
  const once: Pick<MessageCreateOptions, 'nonce' | 'enforceNonce'> = { nonce: nonce.slice(-25), enforceNonce: true }
  const intoChannel = async (post: Post) => {
    const channel = await fetchChannel()
    if (!channel.isSendable()) throw new Error('Nothing can be sent to this channel.')
    const reply = { messageReference: messageId, failIfNotExists: false }
    return channel.send({ ...messageOptions(post, person), ...once, reply })
  }
  const direct = async (post: Post) => {
    const user = await client.users.fetch(person)
    return user.send({ ...messageOptions(post), ...once })
  }

  const fetchChannel = async (): Promise<TextBasedChannel> => {
    const channel = await client.channels.fetch(channelId)
    if (!channel?.isTextBased()) throw new Error('There is no such text channel.')
    return channel
  }

  const edits: readonly RouteAttempt[] = [
    { route: 'message', send: throughToken },
    { route: 'message', send: throughBot },
  ]
  const every: readonly RouteAttempt[] = [
    ...edits,
    { route: 'channel', send: intoChannel },
    { route: 'direct', send: direct },
  ]

  const tryEach = async (attempts: readonly RouteAttempt[], post: Post): Promise<DeliveryRoute> => {
    const closed: unknown[] = []
    for (const { route, send } of attempts) {
      try {
        await send(post)
        return route
      } catch (error) {
        if (isWrongEverywhere(error)) throw error
        closed.push(error)
      }
    }
    throw new AggregateError(closed, 'The message could not be delivered by any route.')
  }

  const deliver = (post: Post) => tryEach(every, post)
  return {
    edit: async (post) => void (await tryEach(edits, post)),
    deliver,
    whisper: async (sentence) => {
      const post = textPost(sentence)
      if (isTokenExpired) return deliver(post)
      try {
        // The first follow-up is as public as the deferred answer, so that one has to go first.
        await webhook.deleteMessage('@original')
        const options = messageOptions(post)
        // The types allow webhooks of channels only; an interaction's webhook may send ephemeral messages.
        await webhook.send({ ...options, flags: (options.flags | MessageFlags.Ephemeral) as typeof options.flags })
        return 'message'
      } catch {
        return deliver(post)
      }
    },
  }
}

/**
 * A message that Discord finds malformed or too large fails on every route; one that was edited too often (30046) does
 * not.
 */
const isWrongEverywhere = (error: unknown) =>
  error instanceof DiscordAPIError && error.code !== 30046 && (error.status === 400 || isTooLarge(error))

/** 413, or Discord's own code for it. */
export const isTooLarge = (error: unknown): boolean =>
  error instanceof DiscordAPIError && (error.status === 413 || error.code === 40005)
