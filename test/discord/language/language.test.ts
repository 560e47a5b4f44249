import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commands } from '../../../commands/index.ts'
import { languages } from '../../../src/discord/language/say.ts'
import { type Placeholder, placeholdersOf } from '../../../src/sentence.ts'
import { templatesIn, templatesOf } from './templates.ts'

/** Where sentences come from that people on Discord may be told. */
const rooms = [
  'commands/**/*.ts',
  'src/{discord,engine,exact,image,jobs,store,tensor,worker}/**/*.ts',
  'src/networks/text/text-network.ts',
  'src/duration.ts',
]
/** For those who run the bot, in English like the log; so is what other rooms say about the files of models. */
const exceptions = ['src/discord/gateway/', 'src/discord/language/']

const { uses, faults } = templatesIn(rooms, exceptions)

/** Descriptions, and the names that are chosen and not typed. */
const definitions = commands.flatMap(({ data }) => textsOf(data as Definition, data.type !== 1))

interface Definition {
  readonly name: string
  readonly description?: string
  readonly options?: readonly Definition[]
  readonly choices?: readonly Definition[]
}

function textsOf({ name, description, options = [], choices = [] }: Definition, isChosen: boolean): readonly string[] {
  return [
    ...(isChosen ? [name] : []),
    ...(description ? [description] : []),
    ...options.flatMap((option) => textsOf(option, false)),
    ...choices.map((choice) => choice.name),
  ]
}

const templates = new Set([...uses.map(({ template }) => template), ...definitions])

const none = (faults: readonly string[], what: string) =>
  assert.equal(faults.length, 0, `${what}\n${faults.map((line) => `  ${line}`).join('\n')}`)

test('nothing is said in English alone', () => {
  assert.ok(templates.size > 50)
  none(faults, 'In the sources:')
})

for (const [locale, translations] of Object.entries(languages)) {
  const pairs = Object.entries(translations)

  test(`${locale}: no template lacks its translation, and none is left over`, () => {
    none([...templates].filter((template) => !translations[template]).sort(), `${locale} lacks:`)
    none(
      pairs.flatMap(([template]) => (templates.has(template) ? [] : template)),
      `${locale} translates what is no longer said:`,
    )
  })

  test(`${locale}: the same values are put in`, () => {
    const differing = pairs.flatMap(([template, text]) => {
      const [wanted, given] = [template, text].map((one) => valuesIn(placeholdersOf(one)))
      return String(wanted) === String(given) ? [] : `${text} has ${given}, not ${wanted}`
    })
    none(differing, 'Placeholders:')
    const wrong = pairs.flatMap(([, text]) =>
      placeholdersOf(text)
        .filter((one) => one.kind === 'plural' && !hasCategories(one, locale))
        .map(({ name }) => `${text}: {${name}, plural, …}`),
    )
    none(wrong, `Plurals need a branch for each of ${categoriesOf(locale)}:`)
  })

  test(`${locale}: code and small print are as in English, and what has little room is short`, () => {
    const marks = (text: string) => [...text.matchAll(/`[^`]*`|\*\*|^-# |^#+ /gm)].map(String).sort()
    none(
      pairs.flatMap(([template, text]) => (String(marks(template)) === String(marks(text)) ? [] : text)),
      'Marked otherwise than in English:',
    )
    const room = { label: 45, title: 45, placeholder: 100, description: 100 }
    none(
      uses.flatMap(({ template, property, where }) => {
        const most = room[property as keyof typeof room] ?? Number.POSITIVE_INFINITY
        return (translations[template]?.length ?? 0) > most ? `${where}: ${translations[template]}` : []
      }),
      'Too long:',
    )
  })

  test(`${locale}: in the order of the English templates`, () => {
    const keys = pairs.map(([template]) => template)
    assert.deepEqual(keys, keys.toSorted())
  })
}

/** `ja` has `other` alone; `many` is for millions in some languages, for which `other` will do. */
const categoriesOf = (locale: string) =>
  new Intl.PluralRules(locale).resolvedOptions().pluralCategories.filter((one) => one !== 'many')

function hasCategories({ branches }: Placeholder, locale: string): boolean {
  return categoriesOf(locale).every((one) => branches.has(one) || (one === 'one' && branches.has('=1')))
}

/** Names and kinds, with the keys of a choice. */
const valuesIn = (placeholders: readonly Placeholder[]) =>
  [
    ...new Set(
      placeholders.map(({ name, kind, branches }) =>
        kind === 'select' ? `${name} (${[...branches.keys()].sort().join(' ')})` : name,
      ),
    ),
  ].sort()

test('what is said is found wherever it stands', () => {
  const { uses, faults } = templatesOf(
    'commands/x.ts',
    `
const late = 'It is late.'
say('One {a}.', { a: 1 })
call.say(isOne ? 'Two.' : 'Three.')
sayAt(target)('Four.')
throw new UserError(late)
post({ label: say('Five'), alt: sentence('Six: {b}', { b: say(seven) }) })
log('Nobody reads this.')
throw new Error('And nobody this.')
`,
  )
  assert.deepEqual(
    uses.map(({ template }) => template),
    ['One {a}.', 'Two.', 'Three.', 'Four.', 'It is late.', 'Five', 'Six: {b}'],
  )
  // A constant is said somewhere, but not where it stands.
  assert.equal(faults.length, 1)
  const wrong = (line: string) => templatesOf('commands/x.ts', line).faults.length
  assert.equal(wrong(`say(\`One $\{a}.\`)`), 1)
  assert.equal(wrong("say('One {a}.')"), 1)
  assert.equal(wrong("say('One.', { a: 1 })"), 1)
  assert.equal(wrong("textPost('One thing.')"), 1)
  assert.equal(wrong("button({ label: 'One' })"), 1)
  assert.equal(wrong("say('One thing.')"), 0)
})
