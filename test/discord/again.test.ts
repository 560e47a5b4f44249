import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { InterruptedError } from '../../src/errors.ts'
import { answerTo, buttonsOf, resultOf } from '../commands/whispers.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import { guildId, type Message, owner, stranger, textOf, until } from '../loopback/discord.ts'

// What was let go can be tried again, and what is under way is not begun twice.

let bot: Bot
beforeEach(async () => {
  bot = await startBot()
})
afterEach(() => bot.close())

const attach = (byte: number) => bot.discord.attach(Uint8Array.of(byte))
const three = () => ({ a: attach(1), a2: attach(2), b: attach(3) })
const last = () => [...bot.discord.messages.values()].at(-1)!

async function result(): Promise<Message> {
  const sent = bot.discord.slash('analogy', { ...three(), seed: 7 })
  ;(await bot.work()).done()
  return resultOf(sent)
}

test('a job that is given up is told with a ping, and Try again does it with what was sent', async () => {
  const sent = bot.discord.slash('analogy', { ...three(), seed: 7, words: 'a dog' })
  const first = await bot.work()
  await until(() => sent.message!.edits > 0, 'a first word')
  first.failed(new InterruptedError('It ended twice.'))
  await bot.settled()
  const told = last()
  assert.match(textOf(told), /It ended twice\./)
  assert.deepEqual([told.notified, told.replyTo, buttonsOf(told)], [[owner.id], sent.message!.id, ['Try again']])
  assert.match(textOf(sent.message!), /interrupted/)
  assert.match(textOf(await answerTo(bot.discord.press(told, 'Try again', stranger))), /^Only the person who asked/)

  const again = bot.discord.press(told, 'Try again')
  const second = await bot.work()
  assert.deepEqual(second.job, first.job)
  second.done()
  assert.ok(buttonsOf(await resultOf(again)).includes('Save'))
  assert.match(textOf(await answerTo(bot.discord.press(told, 'Try again'))), /no longer kept/)
})

test('a private job that is given up is told in private', async () => {
  const sent = bot.discord.slash('analogy', { ...three(), private: true })
  const { failed } = await bot.work()
  failed(new InterruptedError('It ended twice.'))
  await bot.settled()
  assert.equal(last(), sent.message)
  const again = bot.discord.press(last(), 'Try again')
  ;(await bot.work()).done()
  await bot.settled()
  assert.ok(again.message!.flags & (1 << 6))
})

test('what was given up goes with everything else of its person', async () => {
  bot.discord.slash('analogy', three())
  ;(await bot.work()).failed(new InterruptedError('It ended twice.'))
  await bot.settled()
  await bot.store.forgetPerson(guildId, owner.id)
  assert.match(textOf(await answerTo(bot.discord.press(last(), 'Try again'))), /no longer kept/)
})

test('a button pressed twice makes one job; another person’s press is another', async () => {
  const message = await result()
  bot.discord.press(message, 'Again')
  const second = answerTo(bot.discord.press(message, 'Again'))
  const { done } = await bot.work()
  assert.equal(textOf(await second), 'That is under way already.')
  assert.equal(textOf(await answerTo(bot.discord.press(message, 'Again'))), 'That is under way already.')
  const theirs = bot.discord.press(message, 'Again', stranger)
  done()
  ;(await bot.work()).done()
  await resultOf(theirs)
  const later = bot.discord.press(message, 'Again')
  ;(await bot.work()).done()
  await resultOf(later)
})

test('a result of a button names who pressed it, and where, and pings nobody', async () => {
  const message = await result()
  const sent = bot.discord.press(message, 'Again', stranger)
  const { done } = await bot.work()
  const source = `https://discord.com/channels/${guildId}/${message.channelId}/${message.id}`
  await until(() => textOf(sent.message!).includes(`Asked for by <@${stranger.id}>, from ${source}`), 'who pressed')
  done()
  const answer = await resultOf(sent)
  assert.ok(textOf(answer).includes(`Asked for by <@${stranger.id}>, from ${source}`))
  assert.deepEqual(answer.notified, [])
  assert.doesNotMatch(textOf(message), /Asked for/)
})

test('a strength of 0 is left as it is', async () => {
  const sent = bot.discord.slash('analogy', { ...three(), strength: 0 })
  const { done, job } = await bot.work()
  done({ report: { model: 'emoji', mode: 'fast', seed: job.options.seed, seconds: {}, peakRssBytes: 0, strength: 0 } })
  const off = buttonsOf(await resultOf(sent)).filter((label) => label.endsWith('(off)'))
  assert.deepEqual(off, ['Stronger (off)', 'Weaker (off)', 'Reverse (off)'])
})
