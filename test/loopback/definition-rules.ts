import { expect, expectLength, lengthOf } from './rules.ts'

// docs.discord.com/developers/interactions/application-commands

export interface OptionDefinition {
  readonly type: number
  readonly name: string
  readonly description?: string
  readonly required?: boolean
  readonly choices?: readonly { readonly name: string; readonly value: string | number }[]
  readonly options?: readonly OptionDefinition[]
  readonly min_value?: number
  readonly max_value?: number
  readonly min_length?: number
  readonly max_length?: number
  readonly autocomplete?: boolean
}

export interface CommandDefinition {
  readonly type?: number
  readonly name: string
  readonly description?: string
  readonly options?: readonly OptionDefinition[]
  readonly contexts?: readonly number[] | null
  readonly integration_types?: readonly number[] | null
  readonly default_member_permissions?: string | null
}

export const CommandType = { ChatInput: 1, User: 2, Message: 3 } as const
export const OptionType = {
  Subcommand: 1,
  SubcommandGroup: 2,
  String: 3,
  Integer: 4,
  Boolean: 5,
  User: 6,
  Channel: 7,
  Number: 10,
  Attachment: 11,
} as const

const isNested = ({ type }: OptionDefinition) => type <= OptionType.SubcommandGroup

export function checkDefinition(command: CommandDefinition, isGlobal: boolean): void {
  const { type = CommandType.ChatInput, name, description = '', options = [] } = command
  if (type === CommandType.ChatInput) {
    expectName('name', name)
    expectLength('description', description, 1, 100)
  } else {
    expectLength('name', name, 1, 32)
    expect(!description && options.length === 0, 'a command of a menu has neither description nor options')
  }
  if (!isGlobal) expect(!command.contexts && !command.integration_types, 'contexts are for global commands')
  checkOptions(options)
  const size = sizeOf(command)
  expect(size <= 8000, `the command has ${size} characters, at most 8000 are allowed`)
}

function checkOptions(options: readonly OptionDefinition[]): void {
  expect(options.length <= 25, 'options: Must be 25 or fewer in length.')
  expect(new Set(options.map(({ name }) => name)).size === options.length, 'options: names must differ')
  expect(new Set(options.map(isNested)).size <= 1, 'options: subcommands and options cannot be mixed')
  const firstOptional = options.findIndex(({ required }) => !required)
  const isOrdered = firstOptional < 0 || options.slice(firstOptional).every(({ required }) => !required)
  expect(isOrdered, 'options: Required options must be placed before non-required options')
  for (const option of options) {
    const { name, description, choices = [], autocomplete } = option
    expectName('options.name', name)
    expectLength('options.description', description, 1, 100)
    expect(choices.length <= 25, 'choices: Must be 25 or fewer in length.')
    expect(choices.length === 0 || !autocomplete, 'choices and autocomplete exclude each other')
    for (const choice of choices) checkChoice(choice)
    if (isNested(option)) checkOptions(option.options ?? [])
    else expect(!option.options, 'options: only subcommands have options')
  }
}

/** Of a list in a definition, or of an answer to autocomplete. */
export function checkChoice({ name, value }: { readonly name: string; readonly value: string | number }): void {
  expectLength('choice.name', name, 1, 100)
  if (typeof value === 'string') expectLength('choice.value', value, 1, 100)
  else expect(Number.isFinite(value), 'choice.value: Must be a string or a number.')
}

function expectName(what: string, name: string): void {
  expect(/^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u.test(name), `${what}: ${name} is invalid`)
  expect(name === name.toLowerCase(), `${what}: ${name} must be lower case`)
}

/** Names, descriptions and values, nested ones too. */
function sizeOf({ name, description = '', options = [], choices = [] }: Partial<OptionDefinition>): number {
  const own = lengthOf(name ?? '') + lengthOf(description)
  const ofChoices = choices.reduce((sum, choice) => sum + lengthOf(choice.name) + lengthOf(String(choice.value)), 0)
  return options.reduce((sum, option) => sum + sizeOf(option), own + ofChoices)
}
