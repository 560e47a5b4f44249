import { type OptionDefinition, OptionType } from './definition-rules.ts'
import type { Attachment } from './files.ts'
import { lengthOf } from './rules.ts'
import { account, appPermissions, channelView, type Guild, membership, rolesOf, type World } from './world.ts'

/** What a person gives for an option; a channel or a person by id. */
export type Given = string | number | boolean | Attachment

interface Entry {
  readonly key: string
  readonly value: Given
}

/** What Discord's app makes sure of before it sends a command. While a person types nothing is required. */
export function checkGiven(
  name: string,
  definitions: readonly OptionDefinition[],
  given: readonly Entry[],
  focused?: string,
): void {
  for (const { name: option, required } of definitions) {
    if (required && focused === undefined && !given.some(({ key }) => key === option)) {
      throw new Error(`${name} needs ${option}.`)
    }
  }
  for (const { key, value } of given) {
    const definition = definitions.find((option) => option.name === key)
    if (!definition) throw new Error(`${name} has no option ${key}.`)
    if (key === focused && !definition.autocomplete) throw new Error(`${name} suggests nothing for ${key}.`)
    if (key !== focused && !fits(definition, value)) throw new Error(`${name} does not take ${value} for ${key}.`)
  }
}

function fits(definition: OptionDefinition, value: Given): boolean {
  const {
    type,
    choices = [],
    min_value = -Infinity,
    max_value = Infinity,
    min_length = 0,
    max_length = 6000,
  } = definition
  if (choices.length > 0) return choices.some((choice) => choice.value === value)
  if (type === OptionType.Attachment) return typeof value === 'object'
  if (type === OptionType.Boolean) return typeof value === 'boolean'
  if (type === OptionType.Integer || type === OptionType.Number) {
    const isNumber = typeof value === 'number' && (type === OptionType.Number || Number.isInteger(value))
    return isNumber && value >= min_value && value <= max_value
  }
  return typeof value === 'string' && lengthOf(value) >= min_length && lengthOf(value) <= max_length
}

/** What Discord tells of the files, channels and people that were given. */
export function resolvedOf(
  given: readonly { readonly type?: number; readonly value: Given }[],
  world: World,
  guild?: Guild,
): object {
  const attachments: Record<string, object> = {}
  const channels: Record<string, object> = {}
  const users: Record<string, object> = {}
  const members: Record<string, object> = {}
  const roles: Record<string, object> = {}
  for (const { type, value } of given) {
    if (typeof value === 'object') attachments[value.id] = value
    const id = String(value)
    const channel = type === OptionType.Channel && world.channel(id)
    if (channel) channels[id] = { ...channelView(channel), permissions: appPermissions(channel) }
    const role = type === OptionType.Role && guild && rolesOf(guild).find((one) => one.id === id)
    if (role) roles[id] = role
    if (type === OptionType.User) {
      users[id] = account(id)
      const { deaf: _deaf, mute: _mute, ...member } = membership({}, guild?.members.get(id))
      members[id] = member
    }
  }
  const all = { attachments, channels, users, members, roles }
  return Object.fromEntries(Object.entries(all).filter(([, found]) => Object.keys(found).length > 0))
}
