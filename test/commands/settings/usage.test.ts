import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { UserError } from '../../../src/errors.ts'
import { type Bot, startBot } from '../../loopback/bot.ts'
import {
  admin,
  channelId,
  guildId,
  type Message,
  otherChannelId,
  otherGuildId,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../../loopback/discord.ts'
import { answerTo, formOf, png, resultOf, turned, whisperOf } from '../whispers.ts'

// What those who manage a server learn of how it is used.

let bot: Bot
beforeEach(async () => {
  bot = await startBot()
})
afterEach(() => bot.close())

const settings = async (name: string, options = {}, who: Person = admin) =>
  textOf(await answerTo(bot.discord.slash(`settings ${name}`, options, who)))
const attach = (byte: number) => bot.discord.attach(png(byte))
const pictures = () => ({ a: attach(1), a2: attach(2), b: attach(3) })

/** A job that takes `seconds`, or fails. */
async function analogy(who: Person, seconds: number | Error, options = {}): Promise<void> {
  bot.discord.slash('analogy', { ...pictures(), ...options }, who)
  const { job, done, failed } = await bot.work()
  const report = { model: 'emoji', mode: 'fast', seed: job.options.seed, peakRssBytes: 0 } as const
  if (typeof seconds === 'number') done({ report: { ...report, seconds: { total: seconds } } })
  else failed(seconds)
  await bot.settled()
}

test('usage: jobs by day and week, seconds, failures, and who asked most', async () => {
  assert.match(await settings('usage'), /^Today: no jobs$/m)
  for (const seconds of [3, 4]) await analogy(owner, seconds)
  await analogy(stranger, 100, { private: true })
  await analogy(stranger, new UserError('A is no picture.'))
  await analogy(stranger, 1)
  await analogy({ ...owner, channelId: otherChannelId }, 9)
  await analogy({ ...owner, isDirect: true }, 9)
  const day = 24 * 60 * 60 * 1000
  const add = (ago: number) =>
    bot.store.tallies.add(guildId, { person: owner.id, at: Date.now() - ago * day, hasFailed: false, seconds: 60 })
  for (const ago of [3, 8, 40, 40]) await add(ago)
  const text = await settings('usage')
  assert.match(text, /Today: 5 jobs, 2 min of computing, one failed$/m)
  assert.match(text, /The last 7 days: 6 jobs, 3 min of computing, one failed$/m)
  assert.match(text, /The last 30 days: 7 jobs/)
  assert.match(text, /The last 90 days: 9 jobs, 6 min of computing/)
  assert.match(text, /^<t:\d+:d>: 5 jobs/m)
  assert.match(
    text,
    new RegExp(`1\\\\. <@${owner.id}>: 4 jobs.*\\n2\\\\. <@${stranger.id}>: 3 jobs, 2 min of computing, one`),
  )
  assert.deepEqual(await bot.store.tallies.list(`@${owner.id}`), [])
  assert.equal((await bot.store.tallies.list(otherGuildId)).length, 1)

  // One that runs is cancelled, and leaves no trace either.
  bot.discord.slash('analogy', pictures(), stranger)
  await bot.work()
  const asked = await answerTo(bot.discord.slash('diffs forget', {}, stranger))
  await turned(bot.discord.press(asked, 'Delete it all', stranger))
  await bot.settled()
  assert.match(await settings('usage'), /Today: 2 jobs, 7 s of computing, none failed/)
})

test('usage is for those who manage the server', async () => {
  for (const [name, options] of [
    ['usage', {}],
    ['audit', { channel: channelId }],
  ] as const) {
    assert.match(await whisperOf(bot.discord.slash(`settings ${name}`, options, stranger)), /^Only those who manage/)
  }
})

// ---- The audit channel ----

/** What is in the channel, beside answers to commands. */
const noted = (where = channelId): readonly Message[] =>
  [...bot.discord.messages.values()].filter(
    (one) => one.channelId === where && one.authorId !== admin.id && !one.origin,
  )
const linesOf = (messages: readonly Message[]) => messages.flatMap((one) => textOf(one).split('\n'))

test('audit: each job is noted with its person and its message, several in one', async () => {
  assert.match(await settings('audit', { channel: channelId }), new RegExp(`Jobs are noted in: <#${channelId}>`))
  assert.match(linesOf(noted())[0]!, /^From now on I note here who asks for what/)
  const sent = bot.discord.slash('analogy', pictures(), owner)
  const waiting = bot.discord.slash('analogy', pictures(), stranger)
  ;(await bot.work()).done()
  await resultOf(sent)
  ;(await bot.work()).failed(new UserError('A is no picture.'))
  await until(() => linesOf(noted()).length === 3, 'two lines')
  const link = (id: string) => `https://discord.com/channels/${guildId}/${channelId}/${id}`
  assert.deepEqual(linesOf(noted()).slice(1), [
    `<@${owner.id}>: an analogy, done: ${link(sent.message!.id)}`,
    `<@${stranger.id}>: an analogy, failed: ${link(waiting.message!.id)}`,
  ])
  assert.ok(noted().every(({ files, notified }) => files.length === 0 && notified.length === 0))
})

test('audit: of private jobs nothing is told but whose they were', async () => {
  await settings('audit', { channel: channelId })
  await analogy(owner, 1, { private: true })
  const opened = await formOf(bot.discord.slash('learn', { name: 'secret', private: true }, owner))
  bot.discord.submit(opened, { before: [attach(5)], after: [attach(6)] }, owner)
  ;(await bot.work()).done()
  await until(() => linesOf(noted()).length === 3, 'two lines')
  assert.deepEqual(linesOf(noted()).slice(1), Array(2).fill(`<@${owner.id}>: a private job, done`))
})

test('audit: jobs of other servers and of direct messages are not noted; taken back, none is', async () => {
  await settings('audit', { channel: channelId })
  await analogy({ ...owner, channelId: otherChannelId }, 1)
  await analogy({ ...owner, isDirect: true }, 1)
  assert.match(await settings('audit'), /Jobs are noted in: no channel/)
  await analogy(owner, 1)
  await bot.stop()
  assert.equal(linesOf(noted()).length, 1)
  bot = await startBot()
})

test('audit: a channel that can’t be written is refused; one that is closed later is logged once', async () => {
  bot.discord.deny(channelId, 'send')
  assert.match(await settings('audit', { channel: channelId }), /^I can’t write in <#3\d+>; please let me view it/)
  assert.equal((await bot.store.settings.get(guildId)).auditChannel, undefined)
  await bot.store.settings.change(guildId, { auditChannel: channelId })
  for (const seconds of [1, 2]) {
    await analogy({ ...owner }, seconds)
    await until(() => bot.log.some((line) => /audit channel/.test(line)), 'a line in the log')
  }
  assert.equal(bot.log.filter((line) => /audit channel/.test(line)).length, 1)
})

test('audit: what was noted before the end is still sent', async () => {
  await settings('audit', { channel: channelId })
  await analogy(owner, 1)
  await bot.stop()
  assert.equal(linesOf(noted()).length, 2)
  bot = await startBot()
})
