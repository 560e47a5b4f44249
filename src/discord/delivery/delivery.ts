import {
  type Client,
  DiscordAPIError,
  type Message,
  type MessageCreateOptions,
  MessageFlags,
  RESTJSONErrorCodes,
  type TextBasedChannel,
  WebhookClient,
} from 'discord.js'
import type { Sentence } from '../../sentence.ts'
import { sayIn } from '../language/say.ts'
import { messageOptions, type Post, textPost } from '../message/post.ts'
import { type ReplyTarget, sayAt } from './reply-target.ts'

export interface Delivery {
  /** Edits the message. Rejects when it can no longer be edited. */
  readonly edit: (post: Post) => Promise<void>
  /**
   * Edits the message; if that is impossible, replies in the channel; if even that is impossible, sends a direct
   * message.
   */
  readonly deliver: (post: Post) => Promise<Arrival>
  /** For unexpected news: answers with a new message, which pings; if that is impossible, delivers. */
  readonly announce: (post: Post) => Promise<Arrival>
  /** Deletes the message and tells the person privately; if that is impossible, edits the message. */
  readonly whisper: (sentence: string | Sentence) => Promise<Arrival>
  /** Whether somebody has deleted the message. False if that can't be found out. */
  readonly isGone: () => Promise<boolean>
}

/** Where a post arrived. */
export interface Arrival {
  readonly route: 'message' | 'channel' | 'direct'
  readonly channelId: string
  readonly messageId: string
}

/** The message was deleted: whoever did that wants no answer there or anywhere else. */
export class MessageGone extends Error {
  override readonly name = 'MessageGone'
}

interface RouteAttempt {
  readonly route: Arrival['route']
  readonly send: (post: Post) => Promise<Pick<Arrival, 'channelId' | 'messageId'>>
}

/**
 * The routes to a person, in order of preference. The interaction's token expires after 15 minutes, and the channel may
 * be closed to the bot: what took minutes to compute must arrive all the same. A private answer, and one where the bot is
 * not, goes by the token, then by direct message.
 *
 * @param nonce Discord posts a message with the same nonce only once, so a result that is delivered again after a crash
 *   doesn't ping twice.
 */
export function createDelivery(client: Client, target: ReplyTarget, nonce: string): Delivery {
  const { channelId, messageId, isPrivate = false, isApart = false } = target
  const { webhook, withToken, isTokenExpired, fetchChannel, intoChannel, edits, every } = createRoutes(
    client,
    target,
    nonce,
  )

  const tryEach = async (attempts: readonly RouteAttempt[], post: Post): Promise<Arrival> => {
    const closed: unknown[] = []
    for (const { route, send } of attempts) {
      try {
        return { route, ...(await send(post)) }
      } catch (error) {
        if (isWrongEverywhere(error)) throw error
        if (route === 'message' && !isPrivate && isUnknownMessage(error)) throw new MessageGone()
        closed.push(error)
      }
    }
    throw new AggregateError(closed, 'The message could not be delivered by any route.')
  }

  const edit = async (post: Post) => void (await tryEach(edits, post))
  const deliver = (post: Post) => tryEach(every, post)
  const isGone = async () => {
    // A message that only one person sees can only be deleted through the token.
    if (isPrivate) return false
    const look = async () => (await fetchChannel()).messages.fetch({ message: messageId, force: true })
    try {
      await withToken(() => webhook.fetchMessage('@original')).catch((error: unknown) =>
        isUnknownMessage(error) || isApart ? Promise.reject(error) : look(),
      )
      return false
    } catch (error) {
      return isUnknownMessage(error)
    }
  }
  return {
    edit,
    deliver,
    isGone,
    announce: async (post) => {
      if (isPrivate || isApart) return deliver(post)
      try {
        const place = await intoChannel(post)
        await edit(textPost(sayAt(target)('This was interrupted; more is below.'))).catch(() => {})
        return { route: 'channel', ...place }
      } catch {
        return deliver(post)
      }
    },
    whisper: async (sentence) => {
      const post = textPost(sayAt(target)(sentence))
      if (isTokenExpired() || isPrivate) return deliver(post)
      try {
        // The first follow-up is as public as the deferred answer, so that one has to go first.
        await webhook.deleteMessage('@original')
        const options = messageOptions(textPost(sayIn(target.locale)(sentence)))
        // The types allow webhooks of channels only; an interaction's webhook may send ephemeral messages.
        await webhook.send({ ...options, flags: (options.flags | MessageFlags.Ephemeral) as typeof options.flags })
        return { route: 'message', channelId, messageId }
      } catch {
        return deliver(post)
      }
    },
  }
}

/** Every way to the person; `edits` are those that change the message. */
function createRoutes(client: Client, target: ReplyTarget, nonce: string) {
  const { channelId, messageId, person, isPrivate = false, isApart = false } = target
  const isByTokenOnly = isPrivate || isApart
  const webhook = new WebhookClient(
    { id: target.applicationId, token: target.token },
    { rest: { ...client.options.rest }, allowedMentions: { parse: [] } },
  )
  let isExpired = Date.now() >= target.expiresAt

  const withToken = async <Result>(ask: () => Promise<Result>): Promise<Result> => {
    if (isExpired) throw new Error('The token of the interaction has expired.')
    try {
      return await ask()
    } catch (error) {
      // An expired token stays expired.
      if (!isWrongEverywhere(error) && !isUnknownMessage(error)) isExpired = true
      throw error
    }
  }
  const throughToken = async (post: Post) => {
    await withToken(() => webhook.editMessage('@original', { ...messageOptions(post), attachments: [] }))
    return { channelId, messageId }
  }
  const throughBot = async (post: Post) => {
    const channel = await fetchChannel()
    return placeOf(await channel.messages.edit(messageId, { ...messageOptions(post), attachments: [] }))
  }
  const once: Pick<MessageCreateOptions, 'nonce' | 'enforceNonce'> = { nonce: nonce.slice(-25), enforceNonce: true }
  const intoChannel = async (post: Post) => {
    const channel = await fetchChannel()
    if (!channel.isSendable()) throw new Error('Nothing can be sent to this channel.')
    const reply = { messageReference: messageId, failIfNotExists: false }
    return placeOf(await channel.send({ ...messageOptions(post, person), ...once, reply }))
  }
  const direct = async (post: Post) => {
    const user = await client.users.fetch(person)
    return placeOf(await user.send({ ...messageOptions(post), ...once }))
  }

  const fetchChannel = async (): Promise<TextBasedChannel> => {
    // It may be on a server that another process answers, or that is unavailable.
    const channel = await client.channels.fetch(channelId, { allowUnknownGuild: true })
    if (!channel?.isTextBased()) throw new Error('There is no such text channel.')
    return channel
  }

  const edits: readonly RouteAttempt[] = [
    { route: 'message', send: throughToken },
    ...(isByTokenOnly ? [] : [{ route: 'message' as const, send: throughBot }]),
  ]
  const every: readonly RouteAttempt[] = [
    ...edits,
    ...(isByTokenOnly ? [] : [{ route: 'channel' as const, send: intoChannel }]),
    { route: 'direct', send: direct },
  ]
  return { webhook, withToken, isTokenExpired: () => isExpired, fetchChannel, intoChannel, edits, every }
}

const placeOf = ({ channelId, id }: Message) => ({ channelId, messageId: id })

/**
 * A message that Discord finds malformed or too large fails on every route; one that was edited too often (30046) does
 * not.
 */
const isWrongEverywhere = (error: unknown) =>
  error instanceof DiscordAPIError && error.code !== 30046 && (error.status === 400 || isTooLarge(error))

/** Sends the first of the posts that Discord does not find too large. */
export async function firstThatFits<Result>(
  posts: readonly Post[],
  send: (post: Post) => Promise<Result>,
): Promise<Result> {
  const [post, ...smaller] = posts
  try {
    return await send(post!)
  } catch (error) {
    if (smaller.length === 0 || !isTooLarge(error)) throw error
    return firstThatFits(smaller, send)
  }
}

/** 413, or Discord's own code for it. */
const isTooLarge = (error: unknown): boolean =>
  error instanceof DiscordAPIError && (error.status === 413 || error.code === 40005)

/** 404 for the message, not for its channel. */
export const isUnknownMessage = (error: unknown): boolean =>
  error instanceof DiscordAPIError && error.code === RESTJSONErrorCodes.UnknownMessage
