import { Client, Events, GatewayIntentBits } from 'discord.js'
import { createAudit } from '../delivery/audit.ts'
import { createJobNotifier, type JobNotifier } from '../delivery/job-notifier.ts'
import { keepRecords } from '../delivery/keep-records.ts'
import { createDispatch, type DispatchOptions } from '../interaction/dispatch.ts'
import { describe } from '../interaction/faults.ts'
import { watchHomes } from '../interaction/home.ts'
import { type GatewayStatus, watchGatewayStatus } from './gateway-status.ts'
import { isOutage, persist, watchRateLimits } from './persist.ts'
import { watchPresence } from './presence.ts'
import { registerCommands, unreachable } from './register.ts'
import { watchRights } from './rights.ts'
import { isOurs, requestsPerSecond, type Shards } from './shards.ts'

export interface ConnectOptions extends Omit<DispatchOptions, 'takeNote'> {
  readonly token: string
  /** @default asked of Discord */
  readonly applicationId?: string
  /** The base address of Discord's API without the version, such as `https://discord.com/api`. */
  readonly apiUrl: string
  /** @default auto */
  readonly shards?: Shards
  /** Work of all processes of this bot that only one may do at a time. @default this is the only one */
  readonly exclusively?: <Result>(key: string, work: () => Promise<Result>) => Promise<Result>
  /** The shortest time between two progress edits. @default 3000 */
  readonly everyMilliseconds?: number
  /** The first pause before a start that failed because of Discord is tried again. @default 1000, doubled each time */
  readonly pauseMilliseconds?: number
  /** Called when Discord ends the session for good, for example because the token was reset. */
  readonly onLost: (reason: string) => void
}

export interface Connection {
  /** The bot's name, and the links that add it to a server and to a person's account. */
  readonly greeting: string
  /** Brings the queue's news to people. */
  readonly notifier: JobNotifier
  readonly gatewayStatus: () => GatewayStatus
  /** Resolves when every command so far has been answered. */
  readonly settled: () => Promise<void>
  readonly close: () => Promise<void>
}

/**
 * Checks the token, registers the commands that changed, then answers interactions. While Discord can't be reached it
 * keeps trying.
 *
 * @throws UserError
 */
export function connect(options: ConnectOptions): Promise<Connection> {
  const { log, pauseMilliseconds } = options
  return persist(() => connectOnce(options), { log, pauseMilliseconds })
}

async function connectOnce(options: ConnectOptions): Promise<Connection> {
  const { token, apiUrl, commands, services, log, everyMilliseconds = 3000, onLost, shards = 'auto' } = options
  const { exclusively = (_, work) => work() } = options
  const client = new Client({
    intents: [GatewayIntentBits.Guilds],
    allowedMentions: { parse: [] },
    // Set in any case: discord.js would read them from the environment, in a format of its own.
    ...(shards === 'auto' ? { shards } : { shards: [...shards.ids], shardCount: shards.count }),
    rest: { api: apiUrl, globalRequestsPerSecond: requestsPerSecond(shards) },
  })
  watchRateLimits(client.rest, log)
  client.rest.setToken(token)
  const { applicationId } = await exclusively('commands', () =>
    registerCommands({
      rest: client.rest,
      applicationId: options.applicationId,
      commands: commands.map(({ data }) => data),
    }),
  )

  const { store, queue } = services
  const editsPerSecond = requestsPerSecond(shards) / 2
  const notifier = keepRecords(
    createJobNotifier({ client, store, log, everyMilliseconds, cancel: queue.cancel, editsPerSecond }),
    { store, log, audit: createAudit({ client, log, everyMilliseconds: everyMilliseconds * 2 }) },
  )
  const dispatch = createDispatch({ commands, services, log, takeNote: notifier.takeNote })
  watchHomes(client)
  client.on(Events.InteractionCreate, dispatch.handle)
  client.on(Events.Error, (error) => log(describe(error)))
  watchPresence(client, store, log, (server) => isOurs(shards, server))
  watchRights(client, log)
  const gatewayStatus = watchGatewayStatus(client)
  client.on(Events.ShardDisconnect, ({ code }) => onLost(`Discord ended the session (code ${code}).`))
  const ready = new Promise<Client<true>>((resolve) => client.once(Events.ClientReady, resolve))
  await client.login(token).catch((error: unknown) => Promise.reject(isOutage(error) ? unreachable(error) : error))
  const { user } = await ready
  return {
    greeting: greetingOf(user.username, applicationId),
    notifier,
    gatewayStatus,
    settled: dispatch.settled,
    close: () => client.destroy(),
  }
}

/** View channels, send messages (in threads too), attach files, and read the history that a reply refers to. */
const permissions = (1n << 10n) | (1n << 11n) | (1n << 15n) | (1n << 16n) | (1n << 38n)

function greetingOf(name: string, applicationId: string): string {
  const forServers = linkTo(applicationId, { scope: 'bot applications.commands', permissions: String(permissions) })
  const forAccounts = linkTo(applicationId, { scope: 'applications.commands', integration_type: '1' })
  return `${name} is on Discord. Add it to a server: ${forServers} or to an account: ${forAccounts}`
}

const linkTo = (applicationId: string, query: Readonly<Record<string, string>>) =>
  `https://discord.com/oauth2/authorize?${new URLSearchParams({ client_id: applicationId, ...query })}`
