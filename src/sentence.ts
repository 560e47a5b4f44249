import {
  isArgumentElement,
  isPluralElement,
  isSelectElement,
  type MessageFormatElement,
  parse,
} from '@formatjs/icu-messageformat-parser'
import { IntlMessageFormat } from 'intl-messageformat'

/**
 * What is said to a person, as plain data that outlives its process: the English template, which is the key to its
 * translations, and what is put into it. It has its words only where it is known who reads it.
 */
export interface Sentence {
  readonly template: string
  readonly values?: Values
}

export type Values = Readonly<Record<string, Value>>

/** A string is put in as it is, a number and a list as the language writes them, a sentence in that language. */
export type Value = string | number | Sentence | readonly Value[]

/** For a sentence that is said elsewhere. Where it is said at once, give the template to `say` itself. */
export const sentence = (template: string, values?: Values): Sentence => ({ template, ...(values && { values }) })

/** Marks the template of a sentence whose values are given elsewhere. */
export const template = (text: string): string => text

/** For logs and the command line. @param said A string is a template without values. */
export const english = (said: string | Sentence): string => inWords(said, 'en', (template) => template)

/**
 * A sentence in one language. A template with values is in ICU's MessageFormat: `{name}`, `{jobs, plural, =1 {one job}
 * other {# jobs}}`, `{what, select, cat {…} other {…}}`. A template without values is said as it is.
 *
 * @param locale As BCP 47 has it, such as `pt-BR`.
 * @param translate The template in that language.
 * @throws Error if the template is malformed, or lacks a value
 */
export function inWords(said: string | Sentence, locale: string, translate: (template: string) => string): string {
  if (typeof said === 'string') return translate(said)
  if (!said.values) return translate(said.template)
  const word = (value: Value): string => {
    if (typeof value === 'string') return value
    if (typeof value === 'number') return numbers(locale).format(value)
    if ('template' in value) return inWords(value, locale, translate)
    return new Intl.ListFormat(locale, { type: 'conjunction' }).format(value.map(word))
  }
  const template = parsed(translate(said.template))
  const counted = new Set(template.flatMap(placeholders).flatMap(({ name, kind }) => (kind === 'plural' ? name : [])))
  const values = Object.entries(said.values).map(([name, value]) => [name, counted.has(name) ? value : word(value)])
  return String(new IntlMessageFormat(template, locale).format(Object.fromEntries(values)))
}

const numbers = (locale: string) => new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 20 })

export interface Placeholder {
  readonly name: string
  /** Absent if the value itself is put in. */
  readonly kind?: 'plural' | 'select'
  readonly branches: ReadonlySet<string>
}

/** The placeholders of a template, also those inside branches. @throws Error if it is malformed */
export const placeholdersOf = (template: string): readonly Placeholder[] => parsed(template).flatMap(placeholders)

/** Discord's own marks, such as `<t:0:R>`, are no tags. */
const parsed = (template: string) => parse(template, { ignoreTag: true })

function placeholders(element: MessageFormatElement): readonly Placeholder[] {
  if (isArgumentElement(element)) return [{ name: element.value, branches: new Set() }]
  if (!isPluralElement(element) && !isSelectElement(element)) return []
  const kind = isPluralElement(element) ? 'plural' : 'select'
  const inside = Object.values(element.options).flatMap(({ value }) => value.flatMap(placeholders))
  return [{ name: element.value, kind, branches: new Set(Object.keys(element.options)) }, ...inside]
}
