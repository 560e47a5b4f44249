import type { LocalizationMap, RESTPostAPIApplicationCommandsJSONBody } from 'discord.js'
import { languages } from './say.ts'

type Definition = RESTPostAPIApplicationCommandsJSONBody

/** The parts of a definition, of an option or of a choice that are read by people. */
interface Part {
  readonly type?: number
  readonly name: string
  readonly description?: string
  readonly options?: readonly Part[]
  readonly choices?: readonly Part[]
}

/**
 * A command with its descriptions, and the names of choices and of commands in menus, in every language.
 *
 * Names that are typed stay English, as Discord's own do: sentences, the README and other people name them, and a public
 * sentence is read by people of other languages.
 */
export const localized = (command: Definition): Definition =>
  localizedPart(command as Part, command.type !== 1) as Definition

function localizedPart(part: Part, isNameShown: boolean): Part {
  const { name, description, options, choices } = part
  return {
    ...part,
    ...(isNameShown && { name_localizations: translations(name) }),
    ...(description && { description_localizations: translations(description) }),
    ...(options && { options: options.map((option) => localizedPart(option, false)) }),
    ...(choices && { choices: choices.map((choice) => localizedPart(choice, true)) }),
  }
}

const translations = (text: string): LocalizationMap =>
  Object.fromEntries(
    Object.entries(languages).flatMap(([locale, templates]) => (templates[text] ? [[locale, templates[text]]] : [])),
  )
