import { type ChatInputCommandInteraction, DiscordAPIError, type TextBasedChannel } from 'discord.js'
import { messageOptions, type Post } from './post.ts'

export interface Delivery {
  /** The public "is thinking" answer; from here on there is a message to edit. */
  readonly open: () => Promise<void>
  /** Changes the message. Rejects when it can't be changed any more. */
  readonly edit: (post: Post) => Promise<void>
  /** Changes the message; where that is impossible answers in the channel, and if even that is, in a direct message. */
  readonly deliver: (post: Post) => Promise<void>
}

type Door = (post: Post) => Promise<unknown>

/**
The ways to a person, in order. The interaction's token dies after 15 minutes, the channel may be closed to the bot, the
message may be deleted; what took minutes to compute must arrive all the same.
*/
export function createDelivery(interaction: ChatInputCommandInteraction): Delivery {
  const { client, user, channelId } = interaction
  let messageId = ''

  const throughToken: Door = (post) => interaction.editReply(messageOptions(post))
  const throughBot: Door = async (post) => {
    const channel = await fetchChannel()
    return channel.messages.edit(messageId, messageOptions(post))
  }
  const intoChannel: Door = async (post) => {
    const channel = await fetchChannel()
    if (!channel.isSendable()) throw new Error('Nothing can be sent to this channel.')
    const reply = { messageReference: messageId, failIfNotExists: false }
    return channel.send({ ...messageOptions(post, user.id), reply })
  }
  const direct: Door = (post) => user.send(messageOptions(post))

  const fetchChannel = async (): Promise<TextBasedChannel> => {
    const channel = await client.channels.fetch(channelId)
    if (!channel?.isTextBased()) throw new Error('There is no such text channel.')
    return channel
  }

  const edits = [throughToken, throughBot]
  const tryEach = async (doors: Door[], post: Post) => {
    const closed: unknown[] = []
    for (const door of doors) {
      try {
        await door(post)
        return
      } catch (error) {
        if (isWrongEverywhere(error)) throw error
        // A dead token stays dead.
        if (door === throughToken) edits.splice(edits.indexOf(throughToken), 1)
        closed.push(error)
      }
    }
    throw new AggregateError(closed, 'The message could not be delivered on any way.')
  }

  return {
    open: async () => {
      const { resource } = await interaction.deferReply({ withResponse: true })
      messageId = resource?.message?.id ?? ''
    },
    edit: (post) => tryEach([...edits], post),
    deliver: (post) => tryEach([...edits, intoChannel, direct], post),
  }
}

/** A message that Discord finds malformed or too large is that at every door; one edited too often (30046) is not. */
const isWrongEverywhere = (error: unknown) =>
  error instanceof DiscordAPIError && error.code !== 30046 && (error.status === 400 || isTooLarge(error))

/** 413, or Discord's own code for it. */
export const isTooLarge = (error: unknown): boolean =>
  error instanceof DiscordAPIError && (error.status === 413 || error.code === 40005)
