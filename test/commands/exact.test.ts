import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AnalogyJob, LearnJob, Report } from '../../src/jobs/protocol.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import { guildId, type Loopback, type Message, startLoopback, textOf } from '../loopback/discord.ts'
import { buttonsOf, formOf, resultOf } from './whispers.ts'

// A result that was done exactly, without the model.

let discord: Loopback
let bot: Bot
let message: Message
const report: Report = {
  model: 'emoji',
  mode: 'fast' as const,
  seed: 7,
  seconds: {},
  peakRssBytes: 0,
  strength: 1,
  exact: 'A′ is A at 53 % of its size',
}

before(async () => {
  discord = await startLoopback()
  bot = await startBot({ discord })
  const [a, a2, b] = [1, 2, 3].map((byte) => discord.attach(Uint8Array.of(byte)))
  const sent = discord.slash('analogy', { a: a!, a2: a2!, b: b!, seed: 7 })
  ;(await bot.work()).done({ report, difference: Uint8Array.of(42) })
  message = await resultOf(sent)
  await bot.settled()
})
after(async () => {
  await bot.stop()
  await discord.close()
})

test('it says what was done, and can be had as learned', async () => {
  assert.match(textOf(message), /A′ is A at 53 % of its size: done exactly, with B’s own pixels\./)
  assert.ok(buttonsOf(message).includes('As learned'))

  const sent = discord.press(message, 'As learned')
  const { job, done } = await bot.work()
  const { kind, pairs, options } = job as AnalogyJob
  assert.deepEqual([kind, pairs[0]!.a[0], pairs[0]!.a2[0], options.isLearned], ['analogy', 1, 2, true])
  done({ report: { ...report, exact: undefined, part: report.exact }, difference: Uint8Array.of(43) })
  const answer = await resultOf(sent)
  await bot.settled()
  assert.match(textOf(answer), /A′ is A at 53 % of its size: done exactly; the rest was learned\./)
  assert.ok(buttonsOf(answer).includes('As learned'))

  const more = discord.press(answer, 'As learned')
  ;(await bot.work()).done({ report: { ...report, exact: undefined }, difference: Uint8Array.of(43) })
  const plain = await resultOf(more)
  await bot.settled()
  assert.ok(!buttonsOf(plain).includes('As learned'))
})

test('saved, it is learned first', async () => {
  const form = await formOf(discord.press(message, 'Save'))
  discord.submit(form, { name: 'smaller' })
  const { job, done } = await bot.work()
  const { kind, pairs } = job as LearnJob
  assert.deepEqual([kind, pairs[0]!.a[0], pairs[0]!.a2[0]], ['learn', 1, 2])
  done({ report, difference: Uint8Array.of(44), image: undefined })
  await bot.settled()
  const saved = await bot.store.differences.get(guildId, 'smaller')
  assert.deepEqual([...saved!.bytes], [44])
  assert.equal(saved!.facts.exact, report.exact)
})
