import { expect, expectLength, lengthOf } from './rules.ts'

// docs.discord.com/developers/interactions/application-commands

/** Texts by locale. */
type Localizations = Readonly<Record<string, string>> | null

interface Localizable {
  readonly name: string
  readonly description?: string
  readonly name_localizations?: Localizations
  readonly description_localizations?: Localizations
}

interface ChoiceDefinition extends Omit<Localizable, 'description' | 'description_localizations'> {
  readonly value: string | number
}

export interface OptionDefinition extends Localizable {
  readonly type: number
  readonly required?: boolean
  readonly choices?: readonly ChoiceDefinition[]
  readonly options?: readonly OptionDefinition[]
  readonly min_value?: number
  readonly max_value?: number
  readonly min_length?: number
  readonly max_length?: number
  readonly autocomplete?: boolean
}

export interface CommandDefinition extends Localizable {
  readonly type?: number
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
  Role: 8,
  Number: 10,
  Attachment: 11,
} as const

const isNested = ({ type }: OptionDefinition) => type <= OptionType.SubcommandGroup

export function checkDefinition(command: CommandDefinition, isGlobal: boolean): void {
  const { type = CommandType.ChatInput, name, description = '', options = [] } = command
  if (type === CommandType.ChatInput) {
    checkTexts('', command)
  } else {
    for (const each of [name, ...localizedTexts(command.name_localizations)]) expectLength('name', each, 1, 32)
    expect(!description && options.length === 0, 'a command of a menu has neither description nor options')
  }
  if (!isGlobal) expect(!command.contexts && !command.integration_types, 'contexts are for global commands')
  checkOptions(options)
  const size = sizeOf(command)
  expect(size <= 8000, `the command has ${size} characters, at most 8000 are allowed`)
}

function checkOptions(options: readonly OptionDefinition[]): void {
  expect(options.length <= 25, 'options: Must be 25 or fewer in length.')
  for (const locale of [undefined, ...locales]) {
    const names = options.map(({ name, name_localizations }) => name_localizations?.[locale ?? ''] ?? name)
    expect(new Set(names).size === options.length, `options: names must differ${locale ? ` in ${locale}` : ''}`)
  }
  expect(new Set(options.map(isNested)).size <= 1, 'options: subcommands and options cannot be mixed')
  const firstOptional = options.findIndex(({ required }) => !required)
  const isOrdered = firstOptional < 0 || options.slice(firstOptional).every(({ required }) => !required)
  expect(isOrdered, 'options: Required options must be placed before non-required options')
  for (const option of options) {
    const { choices = [], autocomplete } = option
    checkTexts('options.', option)
    expect(choices.length <= 25, 'choices: Must be 25 or fewer in length.')
    expect(choices.length === 0 || !autocomplete, 'choices and autocomplete exclude each other')
    for (const choice of choices) checkChoice(choice)
    if (isNested(option)) checkOptions(option.options ?? [])
    else expect(!option.options, 'options: only subcommands have options')
  }
}

/** Of a list in a definition, or of an answer to autocomplete. */
export function checkChoice({ name, name_localizations, value }: ChoiceDefinition): void {
  for (const each of [name, ...localizedTexts(name_localizations)]) expectLength('choice.name', each, 1, 100)
  if (typeof value === 'string') expectLength('choice.value', value, 1, 100)
  else expect(Number.isFinite(value), 'choice.value: Must be a string or a number.')
}

/** Name and description, in every language. */
function checkTexts(where: string, { name, description, ...rest }: Localizable): void {
  for (const each of [name, ...localizedTexts(rest.name_localizations)]) expectName(`${where}name`, each)
  for (const each of [description, ...localizedTexts(rest.description_localizations)]) {
    expectLength(`${where}description`, each, 1, 100)
  }
}

function localizedTexts(localizations: Localizations = null): readonly string[] {
  const strange = Object.keys(localizations ?? {}).find((locale) => !locales.includes(locale))
  expect(strange === undefined, `localizations: ${strange} is no locale`)
  return Object.values(localizations ?? {})
}

/** docs.discord.com/developers/reference#locales */
const locales =
  'id da de en-GB en-US es-ES es-419 fr hr it lt hu nl no pl pt-BR ro fi sv-SE vi tr cs el bg ru uk hi th zh-CN ja zh-TW ko'.split(
    ' ',
  )

function expectName(what: string, name: string): void {
  expect(/^[-_'\p{L}\p{N}\p{sc=Deva}\p{sc=Thai}]{1,32}$/u.test(name), `${what}: ${name} is invalid`)
  expect(name === name.toLowerCase(), `${what}: ${name} must be lower case`)
}

/** Names, descriptions and values, nested ones too; of each text the longest language. */
function sizeOf({
  name = '',
  description = '',
  options = [],
  choices = [],
  ...rest
}: Partial<OptionDefinition>): number {
  const own = longest(name, rest.name_localizations) + longest(description, rest.description_localizations)
  const ofChoices = choices.reduce(
    (sum, choice) => sum + longest(choice.name, choice.name_localizations) + lengthOf(String(choice.value)),
    0,
  )
  return options.reduce((sum, option) => sum + sizeOf(option), own + ofChoices)
}

const longest = (text: string, localizations?: Localizations) =>
  Math.max(...[text, ...localizedTexts(localizations)].map(lengthOf))
