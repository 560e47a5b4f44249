import { type BaseInteraction, ChannelType, type Client, Events } from 'discord.js'

/** The channel that settings and the age limit refer to: for a thread or a forum post, its parent. */
interface Home {
  readonly id: string
  readonly isAgeRestricted: boolean
}

/**
 * What an interaction says about its channel. discord.js keeps none of it, and doesn't know private threads without the
 * bot.
 */
interface ToldChannel {
  readonly id: string
  readonly type: ChannelType
  readonly nsfw?: boolean
  readonly parent_id?: string | null
}

const told = new WeakMap<BaseInteraction, ToldChannel>()

/**
 * Remembers what interactions say about their channels, for `homeOf`. Call it before anything else listens to
 * interactions.
 */
export function watchHomes(client: Client): void {
  const coming = new Map<string, ToldChannel>()
  client.on(Events.Raw, ({ t, d }: { readonly t: string; readonly d?: { id: string; channel?: ToldChannel } }) => {
    if (t === 'INTERACTION_CREATE' && d?.channel) coming.set(d.id, d.channel)
  })
  client.on(Events.InteractionCreate, (interaction) => {
    const channel = coming.get(interaction.id)
    coming.delete(interaction.id)
    if (channel) told.set(interaction, channel)
  })
}

/** A channel of which nothing is known counts as not age-restricted. Undefined in direct messages. */
export function homeOf(interaction: BaseInteraction): Home | undefined {
  const { channel, channelId, guildId, client } = interaction
  if (!guildId || !channelId) return undefined
  const known = told.get(interaction)
  const isThread = known ? threads.has(known.type) : channel?.isThread()
  const id = isThread ? (known?.parent_id ?? (channel?.isThread() ? channel.parentId : null) ?? channelId) : channelId
  const home = client.channels.cache.get(id)
  const isAgeRestricted = home && 'nsfw' in home ? home.nsfw : !isThread && known?.nsfw === true
  return { id, isAgeRestricted }
}

const threads: ReadonlySet<ChannelType> = new Set([
  ChannelType.PublicThread,
  ChannelType.PrivateThread,
  ChannelType.AnnouncementThread,
])
