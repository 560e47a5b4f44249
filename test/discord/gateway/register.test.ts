import assert from 'node:assert/strict'
import { test } from 'node:test'
import { REST } from 'discord.js'
import { commands } from '../../../commands/index.ts'
import { registerCommands } from '../../../src/discord/gateway/register.ts'
import { UserError } from '../../../src/errors.ts'
import { applicationId, startLoopback, token } from '../../loopback/discord.ts'

const definitions = commands.map(({ data }) => data)

test('commands are put once, and again only when a definition differs', async () => {
  const discord = await startLoopback()
  const rest = new REST({ api: discord.apiUrl }).setToken(token)
  const register = (commands: typeof definitions) => registerCommands({ rest, commands })
  assert.deepEqual(await register(definitions), { applicationId, isChanged: true })
  assert.deepEqual(await register(definitions), { applicationId, isChanged: false })
  const [first, ...rest_] = definitions
  assert.equal(
    (await register([Object.assign({ ...first! }, { description: 'something else' }), ...rest_])).isChanged,
    true,
  )
  assert.equal((await register([])).isChanged, true)
  assert.equal(discord.requests.filter((line) => line.startsWith('PUT')).length, 3)
  await discord.close()
})

test('a wrong token, a foreign application and an absent Discord are each one sentence', async () => {
  const discord = await startLoopback()
  const { apiUrl } = discord
  const rest = (token: string) => new REST({ api: apiUrl, retries: 0 }).setToken(token)
  const register = (rest: REST, applicationId?: string) => registerCommands({ rest, applicationId, commands: [] })
  const sentence = (pattern: RegExp) => (error: Error) => error instanceof UserError && pattern.test(error.message)
  await assert.rejects(register(rest('wrong')), sentence(/rejects `DISCORD_TOKEN`/))
  await assert.rejects(register(rest(token), '123'), sentence(/`DISCORD_APP_ID` 123 is not/))
  await discord.close()
  await assert.rejects(register(rest(token)), sentence(/can’t be reached/))
})
