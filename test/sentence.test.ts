import assert from 'node:assert/strict'
import { test } from 'node:test'
import { english, inWords, placeholdersOf, sentence } from '../src/sentence.ts'

const unchanged = (template: string) => template

test('values are put in as the language writes them', () => {
  const given = sentence('{who}: {size}, {seed}', { who: ['A', 'A′', 'B'], size: 1.5, seed: '1000000' })
  assert.equal(english(given), 'A, A′, and B: 1.5, 1000000')
  assert.equal(inWords(given, 'de', unchanged), 'A, A′ und B: 1,5, 1000000')
  assert.equal(inWords(given, 'ja', unchanged), 'A、A′、B: 1.5, 1000000')
})

test('a sentence inside another one is said in the same language', () => {
  const german: Record<string, string> = { '{what} is empty.': '{what} ist leer.', 'The file': 'Die Datei' }
  const given = sentence('{what} is empty.', { what: sentence('The file') })
  assert.equal(
    inWords(given, 'de', (template) => german[template]!),
    'Die Datei ist leer.',
  )
})

test('plurals follow the number, exactly or by its category', () => {
  const jobs = (count: number, locale = 'en') =>
    inWords(
      sentence('{count, plural, =0 {no job} one {# job by {who}} other {# jobs}}.', { count, who: 'you' }),
      locale,
      unchanged,
    )
  assert.deepEqual(
    [0, 1, 2].map((count) => jobs(count)),
    ['no job.', '1 job by you.', '2 jobs.'],
  )
  assert.equal(jobs(1, 'ja'), '1 jobs.')
  assert.equal(jobs(1.5, 'fr'), '1,5 job by you.')
})

test('a choice follows the word', () => {
  const turned = (to: string) => english(sentence('to the {to, select, left {left} other {right}}', { to }))
  assert.deepEqual(['left', 'right'].map(turned), ['to the left', 'to the right'])
})

test('what people write is put in as it is', () => {
  assert.equal(english(sentence('{name} # {other}', { name: '{other}', other: '#{name}' })), '{other} # #{name}')
  assert.equal(english('{name} is no placeholder {'), '{name} is no placeholder {')
  assert.equal(english(sentence('<t:{at}:R> {a}', { at: '9', a: '<b>x' })), '<t:9:R> <b>x')
})

test('placeholders are found, also inside branches', () => {
  const found = placeholdersOf('{a} and {n, plural, one {{b}} other {# {c}}}')
  assert.deepEqual(
    found.map(({ name }) => name),
    ['a', 'n', 'b', 'c'],
  )
})
