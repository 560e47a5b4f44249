import { REST } from 'discord.js'
import { commands } from './commands/index.ts'
import { readConfig } from './src/config.ts'
import { registerCommands } from './src/discord/gateway/register.ts'
import { UserError } from './src/errors.ts'

// Registers the commands with Discord without starting the bot, which does the same at its start.

try {
  const { token, applicationId, apiUrl } = readConfig()
  if (!token) throw new UserError('Set `DISCORD_TOKEN` first, in the environment or in `.env` (see .env.example).')
  const rest = new REST({ api: apiUrl }).setToken(token)
  const { isChanged } = await registerCommands({ rest, applicationId, commands: commands.map(({ data }) => data) })
  console.log(isChanged ? 'The commands were updated.' : 'The commands are up to date.')
} catch (error) {
  if (!(error instanceof UserError)) throw error
  console.error(error.message)
  process.exitCode = 2
}
