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

/** For logs and the command line. @param said A string is a template without values. */
export const english = (said: string | Sentence): string => inWords(said, 'en', (template) => template)

/**
 * A sentence in one language. Templates are written in this much of ICU MessageFormat:
 *
 * - `{name}` is the value of that name. A template without values is said as it is.
 * - `{jobs, plural, =1 {one job} other {# jobs}}`: the branch for this number, else for its plural category in the
 *   language; `#` is the number.
 * - `{what, select, cat {…} other {…}}`: the branch of that name.
 *
 * @param locale As BCP 47 has it, such as `pt-BR`.
 * @param translate The template in that language.
 */
export function inWords(said: string | Sentence, locale: string, translate: (template: string) => string): string {
  if (typeof said === 'string' || !said.values) return translate(typeof said === 'string' ? said : said.template)
  const { template, values } = said
  const word = (value: Value): string => {
    if (typeof value === 'string') return value
    if (typeof value === 'number') return numbers(locale).format(value)
    if ('template' in value) return inWords(value, locale, translate)
    return new Intl.ListFormat(locale, { type: 'conjunction' }).format(value.map(word))
  }
  return filled(translate(template), { values, locale, word })
}

const numbers = (locale: string) => new Intl.NumberFormat(locale, { useGrouping: false, maximumFractionDigits: 20 })

interface Filling {
  readonly values: Values
  readonly locale: string
  readonly word: (value: Value) => string
  /** What `#` stands for. */
  readonly count?: number
}

function filled(template: string, filling: Filling): string {
  let text = ''
  for (let at = 0; at < template.length; at++) {
    const sign = template[at]!
    if (sign === '{' && closing(template, at) < template.length) {
      const end = closing(template, at)
      text += placeholder(template.slice(at + 1, end), filling)
      at = end
    } else if (sign === '#' && filling.count !== undefined) text += filling.word(filling.count)
    else text += sign
  }
  return text
}

/** Where the brace that opens at `start` is closed. */
function closing(template: string, start: number): number {
  let depth = 0
  for (let at = start; at < template.length; at++) {
    if (template[at] === '{') depth++
    else if (template[at] === '}' && --depth === 0) return at
  }
  return template.length
}

function placeholder(inside: string, filling: Filling): string {
  const { name, kind, branches } = placeholderOf(inside)
  const value = filling.values[name]
  if (value === undefined) return `{${inside}}`
  if (kind === undefined) return filling.word(value)
  const count = kind === 'plural' ? Number(value) : filling.count
  const key = kind === 'plural' ? new Intl.PluralRules(filling.locale).select(Number(value)) : String(value)
  const branch = branches.get(`=${value}`) ?? branches.get(key) ?? branches.get('other') ?? ''
  return filled(branch, { ...filling, count })
}

export interface Placeholder {
  readonly name: string
  /** Absent if the value itself is put in. */
  readonly kind?: 'plural' | 'select'
  readonly branches: ReadonlyMap<string, string>
}

/** What stands between the braces of a placeholder. */
export function placeholderOf(inside: string): Placeholder {
  const [, name = inside, kind, rest = ''] = /^(\w+), (plural|select), (.*)$/s.exec(inside) ?? []
  const branches = new Map<string, string>()
  for (let at = 0; at < rest.length; ) {
    const open = rest.indexOf('{', at)
    if (open < 0) break
    const end = closing(rest, open)
    branches.set(rest.slice(at, open).trim(), rest.slice(open + 1, end))
    at = end + 1
  }
  return { name, ...(kind !== undefined && { kind: kind as 'plural' | 'select' }), branches }
}

/** The placeholders of a template, also those inside branches. */
export function placeholdersOf(template: string): readonly Placeholder[] {
  const found: Placeholder[] = []
  for (let at = template.indexOf('{'); at >= 0; at = template.indexOf('{', at)) {
    const end = closing(template, at)
    const one = placeholderOf(template.slice(at + 1, end))
    found.push(one, ...[...one.branches.values()].flatMap(placeholdersOf))
    at = end + 1
  }
  return found
}
