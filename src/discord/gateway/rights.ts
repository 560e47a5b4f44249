import { type Client, Events, type Guild, PermissionFlagsBits, type PermissionsBitField } from 'discord.js'

/** What is needed to post a result, named as in Discord's own settings. */
const needed = {
  'View Channels': PermissionFlagsBits.ViewChannel,
  'Send Messages': PermissionFlagsBits.SendMessages,
  'Attach Files': PermissionFlagsBits.AttachFiles,
  'Read Message History': PermissionFlagsBits.ReadMessageHistory,
}

/**
 * Logs which permissions a server withholds: from the bot's role when it joins, in a channel when a command comes from
 * there.
 */
export function watchRights(client: Client, log: (line: string) => void): void {
  /** Each missing permission is reported once per server, not once per command. */
  const told = new Set<string>()
  const tell = ({ id, name }: Guild, rights: Readonly<PermissionsBitField>, where: string) => {
    const missing = Object.entries(needed).flatMap(([right, flag]) => (rights.has(flag) ? [] : right))
    const lacks = missing.filter((right) => !told.has(`${id} ${right}`))
    for (const right of lacks) told.add(`${id} ${right}`)
    if (lacks.length === 0) return
    log(
      `I lack permissions in the server “${name}” (${id})${where}: ${missing.join(', ')}. Give them to my role, or invite me again.`,
    )
  }
  const look = (guild: Guild) => {
    const { me } = guild.members
    if (me) tell(guild, me.permissions, '')
  }
  client.once(Events.ClientReady, ({ guilds }) => void guilds.cache.forEach(look))
  client.on(Events.GuildCreate, look)
  client.on(Events.InteractionCreate, ({ guild, channelId, appPermissions }) => {
    if (guild) tell(guild, appPermissions, `, channel ${channelId}`)
  })
}
