import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { applicationId, guildId, type Loopback, startLoopback } from './discord.ts'
import { type Data, request } from './raw.ts'

let discord: Loopback
before(async () => {
  discord = await startLoopback()
})
after(() => discord.close())

const full = <Content = Data>(method: string, path: string, body?: unknown) =>
  request<Content>(discord, method, path, body)
/** Status and code of the answer. */
const ask = async (method: string, path: string, body?: unknown): Promise<string> =>
  (await full(method, path, body)).line
const times = <Made>(count: number, make: (index: number) => Made) =>
  Array.from({ length: count }, (_, index) => make(index))

const definition = (more: object = {}) => ({ name: 'command', description: 'x', ...more })
const parameter = (more: object = {}) => ({ type: 3, name: 'option', description: 'x', ...more })
const commandsPath = `applications/${applicationId}/commands`
const longChoice = (index: number) => ({ name: 'x'.repeat(100), value: `${index}` })
const badDefinitions: [string, object][] = [
  ['an upper-case name', definition({ name: 'Command' })],
  ['a name with a space', definition({ name: 'a command' })],
  ['a long name', definition({ name: 'x'.repeat(33) })],
  ['no description', definition({ description: '' })],
  ['a long description', definition({ description: 'x'.repeat(101) })],
  ['a command of a menu with a description', definition({ type: 3 })],
  ['26 options', definition({ options: times(26, (index) => parameter({ name: `x${index}` })) })],
  ['two options of a name', definition({ options: [parameter(), parameter()] })],
  ['a name with a space in German', definition({ name_localizations: { de: 'ein befehl' } })],
  ['a name in an unknown language', definition({ name_localizations: { xx: 'command' } })],
  ['a long French description', definition({ description_localizations: { fr: 'x'.repeat(101) } })],
  [
    'two options of a name in German',
    definition({
      options: ['x', 'y'].map((name) => parameter({ name, name_localizations: { de: 'z' } })),
    }),
  ],
  ['an upper-case option', definition({ options: [parameter({ name: 'A' })] })],
  ['a required option after others', definition({ options: [parameter(), parameter({ name: 'b', required: true })] })],
  ['options beside subcommands', definition({ options: [parameter(), parameter({ name: 'b', type: 1 })] })],
  [
    '26 choices',
    definition({ options: [parameter({ choices: times(26, (index) => ({ name: 'x', value: `${index}` })) })] }),
  ],
  ['a long choice', definition({ options: [parameter({ choices: [{ name: 'x'.repeat(101), value: 'x' }] })] })],
  [
    'choices beside autocomplete',
    definition({ options: [parameter({ autocomplete: true, choices: [{ name: 'x', value: 'x' }] })] }),
  ],
  [
    'more than 8000 characters',
    definition({ options: times(25, (index) => parameter({ name: `x${index}`, choices: times(4, longChoice) })) }),
  ],
]
for (const [what, body] of badDefinitions) {
  test(`a command with ${what} is refused`, async () => {
    assert.equal(await ask('PUT', commandsPath, [body]), '400 50035')
  })
}

test('commands are global or of one server, unique by name and kind, and keep their ids', async () => {
  const put = async (path: string, ...body: object[]) => (await full<{ id: string }[]>('PUT', path, body)).data
  const guildPath = `applications/${applicationId}/guilds/${guildId}/commands`
  const [first] = await put(commandsPath, definition(), { name: 'command', type: 3 })
  assert.equal((await put(commandsPath, definition({ description: 'y' })))[0]!.id, first!.id)
  assert.equal(await ask('PUT', commandsPath, [definition(), definition()]), '400 50035')
  await put(guildPath, definition({ name: 'here' }))
  assert.deepEqual(
    discord.commands().map(({ name }) => name),
    ['command'],
  )
  assert.deepEqual(
    discord.commands(guildId).map(({ name }) => name),
    ['here'],
  )
  assert.equal(await ask('PUT', guildPath, [definition({ contexts: [0] })]), '400 50035')
  assert.equal(await ask('POST', commandsPath, definition({ name: 'more' })), '200')
  assert.equal(await ask('DELETE', `${commandsPath}/${first!.id}`), '204')
  assert.equal(await ask('DELETE', `${commandsPath}/${first!.id}`), '404 10063')
  assert.deepEqual(
    discord.commands().map(({ name }) => name),
    ['more'],
  )
  assert.equal(
    await ask(
      'PUT',
      commandsPath,
      times(16, (index) => ({ name: `${index}`, type: 3 })),
    ),
    '400 30032',
  )
})

test('Discord fills in what a definition leaves open, and tells translations only when asked', async () => {
  const translated = definition({
    name_localizations: { de: 'befehl' },
    options: [parameter({ name_localizations: { de: 'wahl' } })],
  })
  await full('PUT', commandsPath, [translated])
  const [plain] = (await full<[Data]>('GET', commandsPath)).data
  const [whole] = (await full<[Data]>('GET', `${commandsPath}?with_localizations=true`)).data
  assert.deepEqual([plain.type, plain.integration_types, plain.contexts], [1, [0], null])
  assert.doesNotMatch(JSON.stringify(plain), /localizations/)
  assert.deepEqual(whole.name_localizations, { de: 'befehl' })
})

test('200 commands may be created a day, and changing them is free', async () => {
  const put = (...names: string[]) =>
    full(
      'PUT',
      commandsPath,
      names.map((name) => definition({ name })),
    )
  discord.advance(25 * 60 * 60_000)
  await put()
  const names = (letter: string, count: number) => times(count, (index) => `${letter}${index}`)
  assert.equal((await put(...names('a', 100))).line, '200')
  assert.equal((await put(...names('b', 99))).line, '200')
  assert.equal((await put(...names('b', 99))).line, '200')
  const { line, data } = await put('c0', 'c1')
  assert.equal(line, '429 30034')
  assert.ok(Number(data.retry_after) > 23 * 60 * 60)
  discord.advance(24 * 60 * 60_000)
  assert.equal((await put('c0', 'c1')).line, '200')
  await put()
})
