import type { Clock } from './clock.ts'
import { type CommandDefinition, CommandType, checkDefinition } from './definition-rules.ts'
import { ApiError, expect, RateLimitError } from './rules.ts'
import { applicationId } from './world.ts'

export interface RegisteredCommand extends CommandDefinition {
  readonly id: string
  readonly type: number
}

/** What Discord adds to a definition where it is silent. */
interface FilledIn extends RegisteredCommand {
  readonly application_id: string
  readonly nsfw: boolean
  readonly [field: string]: unknown
}

/** The application's commands: global ones, and those of one server. */
export interface Commands {
  readonly list: (guildId?: string) => readonly RegisteredCommand[]
  /** As a request without `with_localizations` sees them. */
  readonly listPlain: (guildId?: string) => readonly object[]
  /** Replaces all. */
  readonly overwrite: (definitions: readonly CommandDefinition[], guildId?: string) => readonly RegisteredCommand[]
  /** Creates one, or changes the one of this name. */
  readonly upsert: (definition: CommandDefinition, guildId?: string) => RegisteredCommand
  readonly remove: (id: string, guildId?: string) => void
  readonly find: (name: string, type: number, guildId?: string) => RegisteredCommand | undefined
}

const day = 24 * 60 * 60_000
const createsPerDay = 200
const mostOfType: Readonly<Record<number, number>> = {
  [CommandType.ChatInput]: 100,
  [CommandType.User]: 15,
  [CommandType.Message]: 15,
}

export function createCommands(clock: Clock): Commands {
  const scopes = new Map<string, { commands: readonly RegisteredCommand[]; creates: number[] }>()
  const scopeOf = (guildId = '') => {
    const known = scopes.get(guildId) ?? { commands: [], creates: [] }
    scopes.set(guildId, known)
    return known
  }
  const same = (a: CommandDefinition, b: CommandDefinition) =>
    a.name === b.name && (a.type ?? CommandType.ChatInput) === (b.type ?? CommandType.ChatInput)

  /** What is known by its name keeps its id and costs nothing; the rest counts as created. */
  const enter = (definitions: readonly CommandDefinition[], guildId: string | undefined): RegisteredCommand[] => {
    const scope = scopeOf(guildId)
    const creates = definitions.filter((one) => !scope.commands.some((known) => same(known, one))).length
    const now = clock.now()
    scope.creates = scope.creates.filter((at) => now - at < day)
    if (scope.creates.length + creates > createsPerDay) {
      // A rate limit of a day: discord.js waits for its end rather than reject.
      const retryAfterSeconds = ((scope.creates[0] ?? now) + day - now) / 1000
      const message = 'Max number of daily application command creates has been reached (200)'
      throw new RateLimitError(retryAfterSeconds, { code: 30034, message })
    }
    scope.creates.push(...Array<number>(creates).fill(now))
    return definitions.map((definition) => {
      const known = scope.commands.find((one) => same(one, definition))
      return filledIn(definition, known?.id ?? clock.nextId(), clock.nextId(), guildId)
    })
  }

  return {
    list: (guildId) => scopeOf(guildId).commands,
    listPlain: (guildId) => scopeOf(guildId).commands.map((command) => withoutLocalizations(command) as object),
    overwrite: (definitions, guildId) => {
      for (const [index, one] of definitions.entries()) {
        checkDefinition(one, !guildId)
        expect(!definitions.slice(0, index).some((before) => same(before, one)), `name: ${one.name} is there twice`)
      }
      for (const [type, most] of Object.entries(mostOfType)) {
        const count = definitions.filter((one) => (one.type ?? CommandType.ChatInput) === Number(type)).length
        if (count > most) throw new ApiError(400, 30032, `Maximum number of application commands reached (${most}).`)
      }
      const commands = enter(definitions, guildId)
      scopeOf(guildId).commands = commands
      return commands
    },
    upsert: (definition, guildId) => {
      checkDefinition(definition, !guildId)
      const [command] = enter([definition], guildId)
      const scope = scopeOf(guildId)
      scope.commands = [...scope.commands.filter((one) => !same(one, definition)), command!]
      return command!
    },
    remove: (id, guildId) => {
      const scope = scopeOf(guildId)
      const rest = scope.commands.filter((one) => one.id !== id)
      if (rest.length === scope.commands.length) throw new ApiError(404, 10063, 'Unknown application command')
      scope.commands = rest
    },
    find: (name, type, guildId) => {
      const all = [...scopeOf(guildId).commands, ...scopeOf().commands]
      return all.find((one) => one.name === name && one.type === type)
    },
  }
}

/** What Discord adds. `integration_types` defaults to the application's own, which are servers only. */
const filledIn = (definition: CommandDefinition, id: string, version: string, guildId?: string): FilledIn => ({
  type: CommandType.ChatInput,
  application_id: applicationId,
  nsfw: false,
  default_member_permissions: null,
  name_localizations: null,
  description_localizations: null,
  description: '',
  ...(guildId ? { guild_id: guildId } : { contexts: null, integration_types: [0] }),
  ...definition,
  id,
  version,
})

function withoutLocalizations(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutLocalizations)
  if (typeof value !== 'object' || value === null) return value
  const kept = Object.entries(value).filter(([key]) => !key.endsWith('_localizations'))
  return Object.fromEntries(kept.map(([key, entry]) => [key, withoutLocalizations(entry)]))
}
