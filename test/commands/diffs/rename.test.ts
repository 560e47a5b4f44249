import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type Bot, startBot } from '../../loopback/bot.ts'
import {
  admin,
  guildId,
  moderator,
  otherGuildId,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../../loopback/discord.ts'
import { answerTo, forgedButton, save, turned } from '../whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot()
})
after(() => bot.close())
beforeEach(async () => {
  await bot.store.forget(guildId)
  await bot.store.forget(otherGuildId)
  await save(bot.store, guildId, 'Frame')
})

const names = async (scope = guildId) => (await bot.store.differences.list(scope)).map(({ name }) => name)
const rename = async (name: string, to: string, who: Person = owner) =>
  textOf(await answerTo(bot.discord.slash('diffs rename', { name, to }, who)))

test('whoever saved it renames it, and so does a manager', async () => {
  assert.equal(await rename('frame', ' Golden_frame '), '**Frame** is now called **Golden\\_frame**.')
  assert.equal(await rename('Golden_frame', 'GOLDEN_frame'), '**Golden\\_frame** is now called **GOLDEN\\_frame**.')
  assert.equal(await rename('golden_frame', 'מסגרת 🖼️', admin), '**GOLDEN\\_frame** is now called **מסגרת 🖼️**.')
  assert.deepEqual(await names(), ['מסגרת 🖼️'])
})

test('nobody else does, a moderator neither', async () => {
  for (const who of [stranger, moderator]) {
    assert.match(await rename('Frame', 'Mine', who), /^Only the person who saved it, or those who manage this server/)
  }
  await bot.store.settings.change(guildId, { savers: 'managers' })
  assert.match(await rename('Frame', 'Mine', owner), /^On this server only those who manage it may/)
  assert.deepEqual(await names(), ['Frame'])
})

test('a bad or taken new name is a sentence, and so is an old one that is not here', async () => {
  await save(bot.store, guildId, 'Smile')
  await save(bot.store, otherGuildId, 'Theirs')
  assert.match(await rename('Frame', 'sMILE'), /already .*Smile/)
  for (const bad of ['a\u202Eb', 'x'.repeat(33), ' ', '<@1>', 'a\nb']) {
    const answer = await rename('Frame', bad)
    assert.match(answer, /name/i, bad)
    assert.ok(!answer.includes('now called'))
  }
  assert.match(await rename('Theirs', 'Ours'), /^No difference \*\*Theirs\*\*/)
  assert.deepEqual(await names(), ['Frame', 'Smile'])
  assert.deepEqual(await names(otherGuildId), ['Theirs'])
})

test('the button under the details opens a form, and the details show the new name', async () => {
  const message = await answerTo(bot.discord.slash('diffs show', { name: 'Frame' }))
  const opened = bot.discord.press(message, 'Rename')
  await until(() => opened.form, 'the form')
  const shown = await turned(bot.discord.submit(opened, { to: 'Golden frame' }))
  assert.match(textOf(shown), /^\*\*Golden frame\*\*/)
  assert.deepEqual(shown.files.length, 3)
  assert.deepEqual(await names(), ['Golden frame'])
})

test('a form that was opened in time asks for the right again when it is sent', async () => {
  const message = await answerTo(bot.discord.slash('diffs show', { name: 'Frame' }))
  const opened = bot.discord.press(message, 'Rename')
  await until(() => opened.form, 'the form')
  await bot.store.settings.change(guildId, { savers: 'managers' })
  const answer = await answerTo(bot.discord.submit(opened, { to: 'Golden frame' }))
  assert.match(textOf(answer), /^On this server only those who manage it/)
  assert.deepEqual(await names(), ['Frame'])
})

test('the longest name fits the button and the form', async () => {
  const longest = '🎉'.repeat(32)
  await save(bot.store, guildId, longest)
  const opened = bot.discord.press(await answerTo(bot.discord.slash('diffs show', { name: longest })), 'Rename')
  await until(() => opened.form, 'the form')
  await turned(bot.discord.submit(opened, { to: '🖼️'.repeat(16) }))
  assert.deepEqual(await names(), ['🖼️'.repeat(16), 'Frame'])
})

test('a stranger with a forged button gets a sentence and no form', async () => {
  const message = await answerTo(bot.discord.slash('diffs show', { name: 'Frame' }, stranger))
  const pressed = bot.discord.press(forgedButton(message, 'rename-diff:Frame'), 'Forged', stranger)
  assert.match(textOf(await answerTo(pressed)), /^Only the person who saved it/)
  assert.equal(pressed.form, undefined)
})
