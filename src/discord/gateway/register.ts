import {
  type APIApplicationCommand,
  DiscordAPIError,
  type REST,
  type RESTPostAPIApplicationCommandsJSONBody,
  Routes,
} from 'discord.js'
import { UserError } from '../../errors.ts'
import { DiscordUnreachable, isOutage } from './persist.ts'

interface RegisterOptions {
  /** With the bot's token set. */
  readonly rest: REST
  /** @default asked of Discord */
  readonly applicationId?: string
  readonly commands: readonly RESTPostAPIApplicationCommandsJSONBody[]
}

interface Registered {
  readonly applicationId: string
  /** Whether anything had to be changed. */
  readonly isChanged: boolean
}

/**
 * Makes the application's global commands equal to `commands`. If they already are, nothing is sent. A changed list is
 * sent as a whole, because only new names count against Discord's 200 creations a day.
 *
 * @throws UserError if Discord can't be reached or rejects the token or the application's id
 */
export async function registerCommands({ rest, applicationId: given, commands }: RegisterOptions): Promise<Registered> {
  const ask = (request: Promise<unknown>) => request.catch((error: unknown) => Promise.reject(explained(error, given)))
  const applicationId = given ?? ((await ask(rest.get(Routes.currentApplication()))) as { id: string }).id
  const route = Routes.applicationCommands(applicationId)
  const query = new URLSearchParams({ with_localizations: 'true' })
  const existing = (await ask(rest.get(route, { query }))) as APIApplicationCommand[]
  const isChanged = fingerprint(existing) !== fingerprint(commands)
  if (isChanged) await ask(rest.put(route, { body: commands }))
  return { applicationId, isChanged }
}

export const unreachable = (cause: unknown) =>
  new DiscordUnreachable('Discord can’t be reached; check the network and `DISCORD_API_URL`.', {}, { cause })

function explained(error: unknown, applicationId?: string): unknown {
  if (isOutage(error) || !(error instanceof DiscordAPIError)) return unreachable(error)
  if (error.status === 401) {
    return new UserError('Discord rejects `DISCORD_TOKEN`; make a new one at https://discord.com/developers.')
  }
  if (applicationId && (error.status === 403 || error.status === 404)) {
    return new UserError(`\`DISCORD_APP_ID\` ${applicationId} is not the application of this token; leave it empty.`)
  }
  return error
}

const definitionFields = new Set([
  'name',
  'description',
  'type',
  'options',
  'required',
  'choices',
  'value',
  'autocomplete',
  'min_value',
  'max_value',
  'min_length',
  'max_length',
  'channel_types',
  'file_types',
  'nsfw',
  'name_localizations',
  'description_localizations',
  'default_member_permissions',
  'contexts',
  'integration_types',
])

/** The definitions alone: without ids and versions, and without the defaults that Discord fills in. */
function fingerprint(commands: readonly object[]): string {
  return JSON.stringify(commands.map((command) => JSON.stringify(definition({ type: 1, ...command }))).sort())
}

function definition(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(definition)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([key, entry]) => definitionFields.has(key) && !isDefault(entry))
    .map(
      ([key, entry]) =>
        [key, key.endsWith('_localizations') ? sorted(Object.entries(entry)) : definition(entry)] as const,
    )
  return sorted(entries)
}

const sorted = (entries: readonly (readonly [string, unknown])[]) =>
  Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))

/** Discord gives menu commands an empty description. */
const isDefault = (value: unknown) =>
  value === undefined ||
  value === null ||
  value === false ||
  value === '' ||
  (Array.isArray(value) && value.length === 0)
