import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { turned, whisperOf } from '../commands/whispers.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import { guildId, owner, type Person, textOf } from '../loopback/discord.ts'

// A German on a Japanese server.

const german: Person = { ...owner, locale: 'de' }

let bot: Bot
before(async () => {
  bot = await startBot()
  bot.discord.speak(guildId, 'ja')
})
after(() => bot.close())

test('commands are described in every language, and Discord tells the bot so again', () => {
  const [command] = bot.discord.commands()
  assert.deepEqual(Object.keys(command!.description_localizations!), ['de', 'es-ES', 'es-419', 'fr', 'ja', 'pt-BR'])
})

test('what only the reader sees is in the reader’s language', async () => {
  const asked = bot.discord.slash('diffs forget', {}, german)
  assert.match(
    await whisperOf(asked),
    /^Soll ich das löschen: alles, was ich auf diesem Server über dich habe \(0 gesp/,
  )
  assert.equal(textOf(await turned(bot.discord.press(asked.message!, 'Alles löschen', german))), 'Gelöscht.')
})
