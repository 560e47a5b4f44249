import { ApiError } from './rules.ts'

export const token = 'loopback.bot.token'
export const applicationId = '100000000000000001'
export const guildId = '200000000000000001'
export const channelId = '300000000000000001'
/** The age-restricted channel of the first server. */
export const ageRestrictedChannelId = '300000000000000002'
export const otherGuildId = '200000000000000002'
export const otherChannelId = '300000000000000003'
export const otherAgeRestrictedChannelId = '300000000000000004'
/** A private thread of the first channel, which the bot is not in, and one of the age-restricted channel. */
export const privateThreadId = '300000000000000005'
export const ageRestrictedThreadId = '300000000000000006'
/** A post in an age-restricted forum. */
export const forumId = '300000000000000007'
export const forumPostId = '300000000000000008'
/** The chat of a voice channel. */
export const voiceChannelId = '300000000000000009'
/** The bot may use commands in it, and see nothing else. */
export const hiddenChannelId = '300000000000000010'
/** A server that the bot is not on, and its channels: people use it there who have it in their account. */
export const foreignGuildId = '200000000000000003'
export const foreignChannelId = '300000000000000011'
export const foreignAgeRestrictedChannelId = '300000000000000012'
/** A group of people who write to each other, without the bot. */
export const groupChannelId = '300000000000000013'

/** Roles that every server has. Managers have ManageGuild. */
export const roleIds = { managers: '1', boosters: '2', newcomers: '3' } as const

export interface Person {
  readonly id: string
  /** Has ManageMessages. */
  readonly isModerator?: boolean
  /** Has ManageGuild. */
  readonly isAdmin?: boolean
  /** Writes to the bot in a direct message. */
  readonly isDirect?: boolean
  /** Where the person is. @default channelId */
  readonly channelId?: string
  /** @default en-US */
  readonly locale?: string
  /** Has the app in the account, and so everywhere. */
  readonly hasInstalled?: boolean
  /** Has not the right to use external apps: their answers are for this person alone. */
  readonly isQuiet?: boolean
  /** What this person may upload, and an answer to this person. @default everybody's */
  readonly fileLimitBytes?: number
}

/** Whose jobs they are; no more rights than `stranger` has. */
export const owner: Person = { id: '400000000000000001' }
export const stranger: Person = { id: '400000000000000002' }
export const moderator: Person = { id: '400000000000000003', isModerator: true }
export const admin: Person = { id: '400000000000000004', isAdmin: true }
/** Is on the second server only. */
export const outsider: Person = { id: '400000000000000005', channelId: otherChannelId }
const people = [owner, stranger, moderator, admin, outsider]
const ownerOfServers = '400000000000000009'

/** What the bot may be denied in a channel. */
export type Right = 'view' | 'send' | 'embed' | 'attach' | 'history'
const bits: Readonly<Record<Right, bigint>> = {
  view: 1n << 10n,
  send: 1n << 11n,
  embed: 1n << 14n,
  attach: 1n << 15n,
  history: 1n << 16n,
}
const everyRight = Object.keys(bits) as Right[]
const MANAGE_GUILD = 1n << 5n
const MANAGE_MESSAGES = 1n << 13n
const MENTION_EVERYONE = 1n << 17n
const USE_EXTERNAL_EMOJIS = 1n << 18n
const USE_APPLICATION_COMMANDS = 1n << 31n
const SEND_IN_THREADS = 1n << 38n
const sumOf = (rights: readonly Right[]) => rights.reduce((sum, right) => sum | bits[right], 0n)
const everyone = sumOf(everyRight) | SEND_IN_THREADS | USE_APPLICATION_COMMANDS
/** Which an app has in a direct message with its own bot, whatever anyone denies. */
const inDirect = bits.attach | bits.embed | MENTION_EVERYONE | USE_EXTERNAL_EMOJIS

export interface Channel {
  readonly id: string
  readonly name: string
  /** Absent: a direct message. */
  readonly guild?: Guild
  readonly isAgeRestricted: boolean
  /** As Discord numbers them. @default 0, a text channel */
  readonly type?: number
  /** Of a thread, or of a forum's post. */
  readonly parentId?: string
  /** Whom a direct message is with. */
  readonly recipientId?: string
  readonly denied: Set<Right>
  isDeleted: boolean
}

export interface Guild {
  readonly id: string
  readonly name: string
  readonly channels: Channel[]
  /** The roles of its members, by person. */
  readonly members: Map<string, readonly string[]>
  /** Whether the bot is on it. */
  isJoined: boolean
  isAvailable: boolean
  /** Which language its settings name. */
  locale: string
}

export type World = ReturnType<typeof createWorld>

export const ChannelType = { Text: 0, Voice: 2, Group: 3, PublicThread: 11, PrivateThread: 12, Forum: 15 } as const

/** Of the first server, beside its two text channels. */
function addMore(guild: Guild): void {
  const add = (id: string, more: Partial<Channel>, ...denied: Right[]) =>
    guild.channels.push({
      id,
      name: `channel-${id.at(-1)}`,
      guild,
      isAgeRestricted: false,
      isDeleted: false,
      denied: new Set(denied),
      ...more,
    })
  add(privateThreadId, { type: ChannelType.PrivateThread, parentId: channelId }, 'view')
  add(ageRestrictedThreadId, { type: ChannelType.PrivateThread, parentId: ageRestrictedChannelId }, 'view')
  add(forumId, { type: ChannelType.Forum, isAgeRestricted: true })
  add(forumPostId, { type: ChannelType.PublicThread, parentId: forumId })
  add(voiceChannelId, { type: ChannelType.Voice })
  add(hiddenChannelId, {}, 'view')
}

const isThread = ({ type }: Channel) => type === ChannelType.PublicThread || type === ChannelType.PrivateThread

/** Three servers of two text channels each, more of the first, a group, and the bot's direct messages. */
export function createWorld() {
  const guilds = [
    guild(guildId, 'Loopback', { pictures: channelId, evening: ageRestrictedChannelId }),
    guild(otherGuildId, 'Elsewhere', { general: otherChannelId, night: otherAgeRestrictedChannelId }),
    guild(foreignGuildId, 'Foreign', { lounge: foreignChannelId, cellar: foreignAgeRestrictedChannelId }),
  ]
  addMore(guilds[0]!)
  guilds[0]!.members.delete(outsider.id)
  guilds[2]!.isJoined = false
  const channels = new Map(guilds.flatMap((one) => one.channels).map((one) => [one.id, one]))
  channels.set(groupChannelId, {
    id: groupChannelId,
    name: 'group',
    type: ChannelType.Group,
    isAgeRestricted: false,
    isDeleted: false,
    denied: new Set<Right>(['view']),
  })
  /** People who take no direct messages. */
  const closedTo = new Set<string>()

  /** The same one every time, as with Discord. */
  const directTo = (personId: string): Channel => {
    if (!isPerson(personId)) throw new ApiError(400, 50033, 'Invalid Recipient(s)')
    const id = `31${personId.slice(2)}`
    const direct = channels.get(id) ?? {
      id,
      name: '',
      isAgeRestricted: false,
      recipientId: personId,
      denied: new Set<Right>(),
      isDeleted: false,
    }
    channels.set(id, direct)
    return direct
  }

  /** @throws ApiError where the bot's token opens no door. */
  const enter = (id: string | undefined, ...needed: readonly Right[]): Channel => {
    const channel = channels.get(id ?? '')
    if (!channel || channel.isDeleted) throw new ApiError(404, 10003, 'Unknown Channel')
    const { guild, denied } = channel
    // On a server that the bot has left it sees nothing any more. By memory.
    if ((guild && !guild.isJoined) || denied.has('view')) throw new ApiError(403, 50001, 'Missing Access')
    if (needed.some((right) => denied.has(right))) throw new ApiError(403, 50013, 'Missing Permissions')
    if (needed.includes('send') && closedTo.has(channel.recipientId ?? '')) {
      throw new ApiError(403, 50007, 'Cannot send messages to this user')
    }
    return channel
  }

  return {
    guilds,
    closedTo,
    directTo,
    enter,
    channel: (id: string) => channels.get(id),
    guild: (id: string) => guilds.find((one) => one.id === id),
    /** Where this person is. */
    placeOf: ({ id, isDirect, channelId: where = channelId }: Person): Channel => {
      const channel = isDirect ? directTo(id) : channels.get(where)
      if (!channel || channel.isDeleted) throw new Error(`There is no channel ${where}.`)
      return channel
    },
  }
}

function guild(id: string, name: string, channels: Readonly<Record<string, string>>): Guild {
  const members = new Map(people.map((one) => [one.id, one.isAdmin ? [roleIds.managers] : []]))
  const created: Guild = { id, name, channels: [], members, isJoined: true, isAvailable: true, locale: 'en-US' }
  for (const [index, [title, channelId]] of Object.entries(channels).entries()) {
    const isAgeRestricted = index === 1
    const state = { denied: new Set<Right>(), isDeleted: false }
    created.channels.push({ id: channelId, name: title, guild: created, isAgeRestricted, ...state })
  }
  return created
}

export const isPerson = (id: string) => people.some((one) => one.id === id)

/** What the bot may do there, as an interaction tells it. */
export const appPermissions = ({ guild, denied }: Channel): string =>
  String(guild?.isJoined ? everyone & ~sumOf([...denied]) : inDirect)

/** As an interaction tells it: on a server, with the bot, or among people. */
export const contextOf = ({ guild, recipientId }: Channel): number => (guild ? 0 : recipientId ? 1 : 2)

/** By whose leave the app is used there: the server's, and the person's who has it in the account. */
export function ownersOf(place: Channel, { id, hasInstalled }: Person): Owners {
  const { guild, recipientId } = place
  const ofServer = guild ? (guild.isJoined && guild.isAvailable ? guild.id : undefined) : recipientId && '0'
  return { ...(ofServer && { 0: ofServer }), ...(hasInstalled && { 1: id }) }
}

export type Owners = Readonly<Record<string, string>>

export const botAccount = { id: applicationId, username: 'isto', discriminator: '0', avatar: null, bot: true }

export const account = (id: string) =>
  id === applicationId ? botAccount : { id, username: `person ${id.at(-1)}`, discriminator: '0', avatar: null }

/** Without `user`, as in the data that an interaction resolves. */
export const membership = ({ isModerator, isAdmin }: Partial<Person> = {}, roles: readonly string[] = []) => ({
  roles,
  joined_at: '2020-01-01T00:00:00Z',
  deaf: false,
  mute: false,
  flags: 0,
  avatar: null,
  nick: null,
  permissions: String(everyone | (isModerator ? MANAGE_MESSAGES : 0n) | (isAdmin ? MANAGE_GUILD : 0n)),
})

export const channelView = (channel: Channel) => {
  const { id, name, guild, isAgeRestricted, recipientId, denied, type = ChannelType.Text, parentId = null } = channel
  return guild
    ? {
        id,
        type,
        guild_id: guild.id,
        name,
        topic: null,
        parent_id: parentId,
        flags: 0,
        // A thread tells nothing of ages, and rules of its own.
        ...(isThread(channel)
          ? {
              thread_metadata: {
                archived: false,
                auto_archive_duration: 1440,
                archive_timestamp: '2020-01-01T00:00:00Z',
                locked: false,
              },
            }
          : { nsfw: isAgeRestricted }),
        position: guild.channels.findIndex((one) => one.id === id),
        rate_limit_per_user: 0,
        last_message_id: null,
        permissions: String(everyone),
        permission_overwrites: [{ id: applicationId, type: 1, allow: '0', deny: String(sumOf([...denied])) }],
      }
    : {
        id,
        type: recipientId ? 1 : type,
        recipients: recipientId ? [account(recipientId)] : [],
        last_message_id: null,
        flags: 0,
      }
}

/** As GUILD_CREATE has it. */
export const guildView = ({ id, name, channels, locale }: Guild) => ({
  id,
  name,
  owner_id: ownerOfServers,
  large: false,
  member_count: 6,
  premium_tier: 0,
  nsfw_level: 0,
  threads: channels.filter((one) => isThread(one) && !one.isDeleted && !one.denied.has('view')).map(channelView),
  emojis: [],
  stickers: [],
  features: [],
  voice_states: [],
  preferred_locale: locale,
  channels: channels.filter((one) => !one.isDeleted && !isThread(one)).map(channelView),
  members: [{ user: botAccount, ...membership() }],
  roles: rolesOf({ id }),
})

export const rolesOf = ({ id }: Pick<Guild, 'id'>) => [
  { id, name: '@everyone', permissions: String(everyone), position: 0, colors: {}, tags: {} },
  ...Object.entries(roleIds).map(([name, role], index) => {
    const permissions = String(role === roleIds.managers ? MANAGE_GUILD : 0n)
    return { id: role, name, permissions, position: index + 1, colors: {}, tags: {} }
  }),
]
