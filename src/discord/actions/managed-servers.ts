import { type Client, DiscordAPIError, PermissionFlagsBits } from 'discord.js'

/** An answer of Discord's is good for this long. */
const freshMilliseconds = 60_000
const mostKnown = 1000
/** Each costs a request while a person types. */
const mostAsked = 10

interface Known {
  readonly isManager: boolean
  readonly until: number
}

const known = new WeakMap<Client, Map<string, Known>>()

/**
 * Whether the bot is on the server, and the person manages it. Asked of Discord: the bot hears nothing of members.
 *
 * @param server An id, or any other text.
 */
export async function managesServer(client: Client, server: string, person: string): Promise<boolean> {
  if (!/^\d{15,20}$/.test(server)) return false
  try {
    const guild = await client.guilds.fetch({ guild: server, cache: false })
    const member = await guild.members.fetch({ user: person, force: true, cache: false })
    return member.permissions.has(PermissionFlagsBits.ManageGuild)
  } catch (error) {
    // Unknown, or out of reach.
    if (error instanceof DiscordAPIError && (error.status === 403 || error.status === 404)) return false
    throw error
  }
}

/** The servers that this process knows, and that the person manages, by name; at most ten that contain what was typed. */
export async function managedServers(
  client: Client,
  person: string,
  typed: string,
): Promise<readonly { readonly id: string; readonly name: string }[]> {
  const wanted = typed.trim().toLowerCase()
  const named = client.guilds.cache.filter(({ name }) => name.toLowerCase().includes(wanted))
  const asked = [...named.values()].toSorted((one, other) => one.name.length - other.name.length).slice(0, mostAsked)
  const managed = await Promise.all(asked.map(({ id }) => managesServerLately(client, id, person)))
  return asked.filter((_, index) => managed[index]).map(({ id, name }) => ({ id, name }))
}

async function managesServerLately(client: Client, server: string, person: string): Promise<boolean> {
  const answers = known.get(client) ?? new Map<string, Known>()
  known.set(client, answers)
  const key = `${server} ${person}`
  const before = answers.get(key)
  if (before && before.until > Date.now()) return before.isManager
  const isManager = await managesServer(client, server, person)
  if (answers.size >= mostKnown) answers.clear()
  answers.set(key, { isManager, until: Date.now() + freshMilliseconds })
  return isManager
}
