import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import type { ResultRecord } from '../../../src/store/results.ts'
import { type Bot, startBot } from '../../loopback/bot.ts'
import {
  admin,
  channelId,
  guildId,
  moderator,
  otherChannelId,
  otherGuildId,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../../loopback/discord.ts'
import { answerTo, buttonsOf, forgedButton, png, save, turned } from '../whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot()
})
after(() => bot.close())
beforeEach(async () => {
  for (const scope of [guildId, otherGuildId, `@${owner.id}`, `@${stranger.id}`]) await bot.store.forget(scope)
  await save(bot.store, guildId, 'Mine')
  await save(bot.store, guildId, 'Mine too')
  await save(bot.store, guildId, 'Theirs', { person: stranger.id })
  await save(bot.store, otherGuildId, 'Mine elsewhere')
  await save(bot.store, `@${owner.id}`, 'Mine alone')
  for (const [id, scope, person] of [
    ['1', guildId, owner.id],
    ['2', guildId, stranger.id],
    ['3', otherGuildId, owner.id],
  ] as const) {
    await bot.store.results.put(result(id, scope, person))
  }
  await bot.store.settings.change(guildId, { personLimit: 7 })
})

const facts = { model: 'emoji', mode: 'fast', seed: 1 } as const
const result = (id: string, scope: string, person: string): ResultRecord => ({
  id,
  scope,
  person,
  channelId,
  at: Date.now(),
  pairs: [],
  image: png(1),
  options: facts,
  facts,
  pictures: {},
  differences: [{ bytes: png(9) }],
})

/** What is left, of all servers. */
async function left(): Promise<readonly string[]> {
  const { differences, results } = bot.store
  const saved = await Promise.all([guildId, otherGuildId, `@${owner.id}`].map((scope) => differences.list(scope)))
  const kept = await Promise.all(['1', '2', '3'].map((id) => results.get(id)))
  return [...saved.flat().map(({ name }) => name), ...kept.flatMap((record) => record?.id ?? [])]
}
const everything = ['Mine', 'Mine too', 'Theirs', 'Mine elsewhere', 'Mine alone', '1', '2', '3']

const forget = (options: { person?: string; everybody?: boolean; everywhere?: boolean }, who: Person) =>
  answerTo(bot.discord.slash('diffs forget', options, who))

test('anyone has what is theirs on this server deleted, after a question that says how much it is', async () => {
  const message = await forget({}, owner)
  assert.match(textOf(message), /^Delete everything I keep about you on this server \(2 saved differences, and /)
  assert.deepEqual(await left(), everything)
  assert.equal(textOf(await turned(bot.discord.press(message, 'Delete it all'))), 'Deleted.')
  assert.deepEqual(buttonsOf(message), [])
  assert.deepEqual(await left(), ['Theirs', 'Mine elsewhere', 'Mine alone', '2', '3'])
})

test('a manager has everything of a person deleted', async () => {
  const message = await forget({ person: stranger.id }, admin)
  assert.match(
    textOf(message),
    new RegExp(`everything I keep about <@${stranger.id}> on this server \\(one saved difference`),
  )
  assert.deepEqual(message.pings, [])
  await turned(bot.discord.press(message, 'Delete it all', admin))
  assert.deepEqual(await left(), ['Mine', 'Mine too', 'Mine elsewhere', 'Mine alone', '1', '3'])
})

test('a manager has everything of the server deleted, its settings as well', async () => {
  const message = await forget({ everybody: true }, admin)
  assert.match(textOf(message), /everything I keep about this server, with its settings \(3 saved differences/)
  await turned(bot.discord.press(message, 'Delete it all', admin))
  assert.deepEqual(await left(), ['Mine elsewhere', 'Mine alone', '3'])
  assert.equal((await bot.store.settings.get(guildId)).personLimit, 5)
})

test('nobody else deletes what is not theirs, whatever button they press', async () => {
  for (const who of [stranger, moderator]) {
    for (const options of [{ person: owner.id }, { everybody: true }, { person: owner.id, everybody: true }]) {
      assert.match(textOf(await forget(options, who)), /^Only those who manage this server/)
    }
    const message = await forget({}, who)
    for (const whose of [owner.id, 'everybody', guildId, otherGuildId, `@${owner.id}`, '', '__proto__']) {
      const answer = await answerTo(bot.discord.press(forgedButton(message, `forget:${whose}`), 'Forged', who))
      assert.match(textOf(answer), /^Only those who manage this server/)
    }
  }
  assert.deepEqual(await left(), everything)
})

test('a manager here deletes nothing elsewhere', async () => {
  const message = await forget({}, admin)
  for (const whose of [guildId, otherGuildId, `@${owner.id}`]) {
    await turned(bot.discord.press(forgedButton(message, `forget:${whose}`), 'Forged', admin))
  }
  assert.deepEqual(await left(), everything)
})

test('in direct messages it is one’s own, and nobody else’s', async () => {
  const alone: Person = { ...owner, isDirect: true }
  const message = await forget({}, alone)
  assert.match(textOf(message), /direct messages and groups, with your settings \(one saved difference/)
  const answer = await answerTo(bot.discord.press(forgedButton(message, `forget:${stranger.id}`), 'Forged', alone))
  assert.match(textOf(answer), /^Here I keep only what is yours/)
  await turned(bot.discord.press(message, 'Delete it all', alone))
  assert.deepEqual(
    await left(),
    everything.filter((name) => name !== 'Mine alone'),
  )
})

test('the jobs go as well, those of others and of other servers stay', async () => {
  const options = { a: png(1), a2: png(2), b: png(3) }
  const ask = (who: Person) => {
    const pictures = Object.entries(options).map(([name, bytes]) => [name, bot.discord.attach(bytes)])
    return bot.discord.slash('analogy', Object.fromEntries(pictures), who)
  }
  const running = ask(owner)
  await bot.work()
  const [waiting, elsewhere, theirs] = [ask(owner), ask({ ...owner, channelId: otherChannelId }), ask(stranger)]
  await until(
    () => [waiting, elsewhere, theirs].every(({ message }) => message && /ahead/.test(textOf(message))),
    'their places',
  )
  await turned(bot.discord.press(await forget({}, owner), 'Delete it all'))
  const isOver = ({ message }: typeof waiting) => textOf(message!).startsWith('Cancelled')
  await until(() => isOver(running) && isOver(waiting), 'the end of both')
  for (let left = 2; left > 0; left--) (await bot.work()).done()
  const isDone = ({ message }: typeof waiting) => textOf(message!).startsWith('**A** is to')
  await until(() => isDone(theirs) && isDone(elsewhere), 'the other results')
  assert.deepEqual((await left()).slice(0, 3), ['Theirs', 'Mine elsewhere', 'Mine alone'])
})

test('anyone has what is theirs deleted everywhere at once, and only that', async () => {
  const picture = (byte: number) => bot.discord.attach(png(byte))
  const elsewhere = { ...owner, channelId: otherChannelId }
  bot.discord.slash('analogy', { a: picture(1), a2: picture(2), b: picture(3) }, elsewhere)
  await bot.work()
  const message = await forget({ everywhere: true }, owner)
  assert.match(textOf(message), /^Delete everything I keep about you, on every server and in our direct messages/)
  assert.deepEqual(await left(), everything)
  bot.discord.press(message, 'Delete it all')
  await until(() => textOf(message) === 'Deleted.', 'the end')
  await bot.settled()
  assert.deepEqual(await left(), ['Theirs', '2'])
  assert.equal((await bot.store.settings.get(guildId)).personLimit, 7)
  assert.equal((await bot.store.results.get('2'))?.person, stranger.id)
})

test('everywhere is about oneself', async () => {
  for (const other of [{ person: stranger.id }, { everybody: true }]) {
    assert.match(textOf(await forget({ everywhere: true, ...other }, admin)), /is about you alone/)
  }
})
