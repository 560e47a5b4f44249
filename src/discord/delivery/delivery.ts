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
  /** When the token dies, in milliseconds. */
  readonly expiresAt: number
  readonly channelId: string
  /** Empty until the answer is there. */
  readonly messageId: string
  readonly person: string
  /** What Discord accepts as a file from this person's server. */
  readonly fileLimitBytes: number
}

export interface Delivery {
  /** Changes the message. Rejects when it can't be changed any more. */
  readonly edit: (post: Post) => Promise<void>
  /** Changes the message; where that is impossible answers in the channel, and if even that is, in a direct message. */
  readonly deliver: (post: Post) => Promise<DeliveryRoute>
  /** Takes the message away and tells the person alone; where that is impossible changes the message. */
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
The routes to a person, in order. The interaction's token dies after 15 minutes, the channel may be closed to the bot, the
message may be deleted; what took minutes to compute must arrive all the same.

@param nonce Discord posts a message with the same nonce once only, so that a result that is delivered again after a crash
does not ping twice.
*/
export function createDelivery(client: Client, target: ReplyTarget, nonce: string): Delivery {
  const { channelId, messageId, person } = target
  const webhook = new WebhookClient(
    { id: target.applicationId, token: target.token },
    { rest: { ...client.options.rest }, allowedMentions: { parse: [] } },
  )
  let isTokenDead = Date.now() >= target.expiresAt

  const throughToken = async (post: Post) => {
    if (isTokenDead) throw new Error('The token of the interaction is dead.')
    try {
      await webhook.editMessage('@original', { ...messageOptions(post), attachments: [] })
    } catch (error) {
      // A dead token stays dead.
      if (!isWrongEverywhere(error)) isTokenDead = true
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
      if (isTokenDead) return deliver(post)
      try {
        // Discord gives the first follow-up the publicity of the unanswered defer, so that has to go first.
        await webhook.deleteMessage('@original')
        const options = messageOptions(post)
        // The types know webhooks of channels only; one of an interaction may whisper.
        await webhook.send({ ...options, flags: (options.flags | MessageFlags.Ephemeral) as typeof options.flags })
        return 'message'
      } catch {
        return deliver(post)
      }
    },
  }
}

/** A message that Discord finds malformed or too large is that on every route; one edited too often (30046) is not. */
const isWrongEverywhere = (error: unknown) =>
  error instanceof DiscordAPIError && error.code !== 30046 && (error.status === 400 || isTooLarge(error))

/** 413, or Discord's own code for it. */
export const isTooLarge = (error: unknown): boolean =>
  error instanceof DiscordAPIError && (error.status === 413 || error.code === 40005)
