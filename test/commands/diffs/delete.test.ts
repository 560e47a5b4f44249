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
} from '../../loopback/discord.ts'
import { answerTo, buttonsOf, forgedButton, save, turned } from '../whispers.ts'

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

const isThere = async (scope = guildId) => (await bot.store.differences.get(scope, 'Frame')) !== undefined
const ask = (who: Person = owner) => answerTo(bot.discord.slash('diffs delete', { name: 'frame' }, who))

test('it asks once, then deletes', async () => {
  const message = await ask()
  assert.equal(textOf(message), 'Delete **Frame**? That can’t be undone.')
  assert.deepEqual(buttonsOf(message), ['Delete it'])
  assert.ok(await isThere())
  assert.equal(textOf(await turned(bot.discord.press(message, 'Delete it'))), '**Frame** is deleted.')
  assert.deepEqual(buttonsOf(message), [])
  assert.ok(!(await isThere()))
})

test('a manager is told whose it is', async () => {
  const message = await ask(admin)
  assert.equal(textOf(message), `Delete **Frame**, which <@${owner.id}> saved? That can’t be undone.`)
  assert.deepEqual(message.pings, [])
  await turned(bot.discord.press(message, 'Delete it', admin))
  assert.ok(!(await isThere()))
})

test('nobody else may, whatever button they press', async () => {
  for (const who of [stranger, moderator]) assert.match(textOf(await ask(who)), /^Only the person who saved it/)
  const message = await ask()
  for (const customId of ['delete-diff:Frame', 'really-delete-diff:Frame', 'really-delete-diff:frame']) {
    const pressed = bot.discord.press(forgedButton(message, customId), 'Forged', stranger)
    assert.match(textOf(await answerTo(pressed)), /^Only the person who saved it/)
  }
  await bot.store.settings.change(guildId, { savers: 'managers' })
  const pressed = bot.discord.press(message, 'Delete it')
  assert.match(textOf(await answerTo(pressed)), /^On this server only those who manage it/)
  assert.ok(await isThere())
})

test('a custom_id reaches nothing of another server', async () => {
  await bot.store.forget(guildId)
  await save(bot.store, otherGuildId, 'Frame')
  const message = await answerTo(bot.discord.slash('diffs list', {}, admin))
  for (const customId of [
    'really-delete-diff:Frame',
    `really-delete-diff:${otherGuildId}:Frame`,
    'really-delete-diff',
  ]) {
    const pressed = bot.discord.press(forgedButton(message, customId), 'Forged', admin)
    assert.match(textOf(await answerTo(pressed)), /^No difference/)
  }
  assert.ok(await isThere(otherGuildId))
})

test('pressed twice it says that there is none any more', async () => {
  const [first, second] = [await ask(), await ask()]
  await turned(bot.discord.press(first, 'Delete it'))
  assert.match(
    textOf(await answerTo(bot.discord.press(second, 'Delete it'))),
    /^No difference \*\*Frame\*\* is saved here/,
  )
})

test('the button under the details asks as well; in direct messages everything is one’s own', async () => {
  const here: Person = { ...stranger, isDirect: true }
  await save(bot.store, `@${stranger.id}`, 'Frame', { person: stranger.id })
  const details = await answerTo(bot.discord.slash('diffs show', { name: 'Frame' }, here))
  const question = await answerTo(bot.discord.press(details, 'Delete', here))
  await turned(bot.discord.press(question, 'Delete it', here))
  assert.ok(!(await isThere(`@${stranger.id}`)))
  assert.ok(await isThere())
})
