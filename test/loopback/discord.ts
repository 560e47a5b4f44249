import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClock } from './clock.ts'
import { createCommands } from './commands.ts'
import type { CommandDefinition } from './definition-rules.ts'
import { createFiles } from './files.ts'
import { createGateway } from './gateway.ts'
import { createInteractions } from './interactions.ts'
import { createLimits } from './limits.ts'
import { createMessages, type Message, shownNames } from './messages.ts'
import { createPeople } from './people.ts'
import { createRest } from './rest.ts'
import { flatten } from './rules.ts'
import {
  applicationId,
  botAccount,
  channelView,
  createWorld,
  guildView,
  type Person,
  type Right,
  token,
} from './world.ts'

// As much of Discord as a bot sees, over real sockets, with the limits of the real one. Tests import all of it from here.

export type { Attachment } from './files.ts'
export type { Interaction } from './interactions.ts'
export type { Message } from './messages.ts'
export type { Person, Right } from './world.ts'
export {
  admin,
  ageRestrictedChannelId,
  ageRestrictedThreadId,
  applicationId,
  channelId,
  foreignAgeRestrictedChannelId,
  foreignChannelId,
  foreignGuildId,
  forumId,
  forumPostId,
  groupChannelId,
  guildId,
  hiddenChannelId,
  moderator,
  otherAgeRestrictedChannelId,
  otherChannelId,
  otherGuildId,
  outsider,
  owner,
  privateThreadId,
  roleIds,
  stranger,
  token,
  voiceChannelId,
} from './world.ts'

export type Loopback = Awaited<ReturnType<typeof startLoopback>>

export interface LoopbackOptions {
  /**
  Whether the answer to a defer leaves out the message, as the documentation has it, and tells only its id. Discord
  itself sends both, as bots rely on.
  @default false
  */
  readonly withholdsDeferred?: boolean
  /** Of `127.0.0.1`. @default any that is free */
  readonly port?: number
}

export async function startLoopback({ port = 0, ...options }: LoopbackOptions = {}) {
  const server = createServer((request, response) => void rest(request, response))
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  // A test that fails before it closes the loopback is not to hang.
  server.unref()
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`

  let fileLimitBytes = 10 * 1024 * 1024
  const fileLimit = () => fileLimitBytes
  const requests: string[] = []
  const clock = createClock()
  const world = createWorld()
  const limits = createLimits()
  const commands = createCommands(clock)
  const files = createFiles(origin, clock)
  const messages = createMessages(clock, files)
  const interactions = createInteractions({ clock, world, messages }, options)
  const guilds = () => world.guilds.filter(({ isJoined, isAvailable }) => isJoined && isAvailable).map(guildView)
  const gateway = createGateway({ server, token, user: botAccount, applicationId, guilds })
  const onRequest = (line: string) => requests.push(line)
  const rest = createRest({ origin, world, files, messages, interactions, commands, limits, fileLimit, onRequest })
  const people = createPeople({ world, files, messages, interactions, commands, gateway, fileLimit })

  const guildOf = (id: string) => world.guild(id) ?? missing(id)
  const channelOf = (id: string) => world.channel(id) ?? missing(id)
  const changeRights = (id: string, denied: readonly Right[]) => {
    const channel = channelOf(id)
    channel.denied.clear()
    for (const right of denied) channel.denied.add(right)
    gateway.dispatch('CHANNEL_UPDATE', channelView(channel))
  }

  return {
    ...people,
    origin,
    apiUrl: `${origin}/api`,
    /** Everyone's, in the order in which they came. */
    messages: messages.all as ReadonlyMap<string, Message>,
    /** Method and path of every request; tokens of interactions are shortened to `:token`. */
    requests,
    commands: (guildId?: string) => commands.list(guildId),
    register: (definitions: readonly CommandDefinition[]) => commands.overwrite(definitions),

    /** Moves Discord's clock. */
    advance: clock.advance,
    now: clock.now,
    refuseNext: limits.refuseNext,
    /** What the bot is told to be the limit of a file, and what is refused above it; 10 MiB at first. */
    limitFiles: (bytes: number) => {
      fileLimitBytes = bytes
    },

    kick: gateway.kick,
    cut: gateway.cut,
    askToReconnect: gateway.askToReconnect,
    invalidate: gateway.invalidate,
    sessions: gateway.counts,

    /** Takes rights from the bot in a channel; all others it has. */
    deny: (channelId: string, ...rights: Right[]) => changeRights(channelId, rights),
    allow: (channelId: string) => changeRights(channelId, []),
    /** The person takes no direct messages any more. */
    closeDirect: ({ id }: Person) => void world.closedTo.add(id),
    openDirect: ({ id }: Person) => void world.closedTo.delete(id),
    deleteChannel: (id: string) => {
      const channel = channelOf(id)
      channel.isDeleted = true
      for (const message of messages.all.values()) if (message.channelId === id) message.isDeleted = true
      gateway.dispatch('CHANNEL_DELETE', channelView(channel))
    },
    /** From now on these are the person's roles there; none that are given means that the person left. */
    setRoles: (guildId: string, { id }: Person, roles?: readonly string[]) => {
      const { members } = guildOf(guildId)
      if (roles) members.set(id, roles)
      else members.delete(id)
    },
    /** Those who manage a server choose its language. */
    speak: (guildId: string, locale: string) => {
      gateway.dispatch('GUILD_UPDATE', guildView(Object.assign(guildOf(guildId), { locale })))
    },
    /** The bot is thrown off a server. */
    removeBot: (guildId: string) => {
      guildOf(guildId).isJoined = false
      gateway.dispatch('GUILD_DELETE', { id: guildId })
    },
    /** A server can't be reached for a while, which is no removal. */
    outage: (guildId: string) => {
      guildOf(guildId).isAvailable = false
      gateway.dispatch('GUILD_DELETE', { id: guildId, unavailable: true })
    },
    /** The server is there again, or the bot is invited again. */
    bringBack: (guildId: string) => {
      const guild = Object.assign(guildOf(guildId), { isJoined: true, isAvailable: true })
      gateway.dispatch('GUILD_CREATE', guildView(guild))
    },

    close: async () => {
      gateway.close()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function missing(id: string): never {
  throw new Error(`There is no ${id}.`)
}

/** All text of a message, in order. */
export const textOf = ({ content, components }: Message): string =>
  [content, ...flatten(components).flatMap((component) => component.content ?? [])].filter(Boolean).join('\n')

/** Name and alt text of the pictures in its galleries. */
export const galleryOf = ({ components }: Message) =>
  flatten(components).flatMap(({ items = [] }) =>
    items.map(({ media, description }) => ({ name: media.url.replace('attachment://', ''), alt: description ?? '' })),
  )

/** The names of the pictures that are covered as spoilers, thumbnails too. */
export const coveredOf = ({ components }: Message): readonly string[] =>
  flatten(components)
    .flatMap((one) => [...(one.items ?? []), ...(one.media ? [{ media: one.media, spoiler: one.spoiler }] : [])])
    .flatMap(({ media, spoiler }) => (spoiler ? media.url.replace('attachment://', '') : []))

/** The names of the files that nobody sees, because no component shows them. */
export const unseenOf = (message: Message): string[] => {
  const shown = shownNames(message)
  return message.files.map(({ name }) => name).filter((name) => !shown.includes(name))
}

/** Waits until `condition` holds. */
export async function until(condition: () => unknown, what: string, milliseconds = 30_000): Promise<void> {
  const deadline = Date.now() + milliseconds
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`Waited in vain for ${what}.`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}
