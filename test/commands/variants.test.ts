import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import type { AnalogyJob, ApplyJob, JobResult } from '../../src/jobs/protocol.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import { galleryOf, guildId, type Message, moderator, stranger, textOf, until } from '../loopback/discord.ts'
import { flatten } from '../loopback/rules.ts'
import { buttonsOf, resultOf, savedAs, whisperOf } from './whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot()
})
after(() => bot.close())

const bytesIn = ({ files }: Message) => files.map(({ bytes }) => bytes[0])
const altsIn = (message: Message) =>
  flatten(message.components).flatMap(({ items = [] }) => items.map((one) => one.description))

/** What the worker gives for the seeds from 7 on. */
const variants = (...images: readonly number[]): Partial<JobResult> => ({
  image: Uint8Array.of(images[0]!),
  variants: images.map((byte, index) => ({ image: Uint8Array.of(byte), seed: 7 + index })),
})

async function asked(count: number, result: Partial<JobResult>, options = {}): Promise<[AnalogyJob, Message]> {
  const [a, a2, b] = [1, 2, 3].map((byte) => bot.discord.attach(Uint8Array.of(byte)))
  const sent = bot.discord.slash('analogy', { a: a!, a2: a2!, b: b!, seed: 7, variants: count, ...options })
  const { job, done } = await bot.work()
  done({ difference: Uint8Array.of(42), ...result })
  const message = await resultOf(sent)
  await bot.settled()
  return [job as AnalogyJob, message]
}

/** Presses, ends the job that comes of it, and gives the job. */
async function jobOf(message: Message, label: string): Promise<ApplyJob> {
  const sent = bot.discord.press(message, label)
  const { job, done } = await bot.work()
  done()
  await resultOf(sent)
  await bot.settled()
  return job as ApplyJob
}

test('several pictures stand in one gallery, and the chosen one becomes the result', async () => {
  const [job, message] = await asked(4, variants(4, 5, 6, 7))
  assert.equal(job.options.variants, 4)
  assert.deepEqual(bytesIn(message), [1, 2, 3, 4, 5, 6, 7])
  assert.equal(altsIn(message)[4], 'No. 2: B′: the picture to change, changed as A is to become A′')
  assert.deepEqual(buttonsOf(message), ['Use no. 1', 'Use no. 2', 'Use no. 3', 'Use no. 4', 'Save', 'Again', 'Delete'])

  assert.match(await whisperOf(bot.discord.press(message, 'Use no. 3', stranger)), /^Only the person who asked for it/)
  const chosen = bot.discord.press(message, 'Use no. 3')
  await until(() => bytesIn(message).length === 4, 'the choice')
  assert.deepEqual(bytesIn(message), [1, 2, 3, 6])
  assert.equal(galleryOf(message).at(-1)!.name, 'b2.png')
  assert.match(textOf(message), /seed 9/)
  assert.ok(buttonsOf(message).includes('Stronger'))
  await bot.settled()
  assert.equal(chosen.followUps.length, 0)

  const stronger = await jobOf(message, 'Stronger')
  assert.deepEqual([stronger.options.seed, stronger.options.variants, stronger.image[0]], [9, undefined, 3])
})

test('a choice that was made stays, whatever an old button says', async () => {
  const [, message] = await asked(2, variants(4, 5))
  const before = { ...message }
  bot.discord.press(message, 'Use no. 2', moderator)
  await until(() => bytesIn(message).length === 4, 'the choice')
  await bot.settled()
  assert.equal(await whisperOf(bot.discord.press(before, 'Use no. 1')), 'One was chosen already.')
  assert.deepEqual(bytesIn(message), [1, 2, 3, 5])
})

test('Again gives as many, and the token of the first is not kept', async () => {
  const [, message] = await asked(2, variants(4, 5))
  const id = /again:(\d+)/.exec(JSON.stringify(message.components))![1]!
  const record = await bot.store.results.get(id)
  assert.equal(
    (record!.choice as { ticket: { followUp: { target: { token: string } } } }).ticket.followUp.target.token,
    '',
  )
  assert.equal((await jobOf(message, 'Again')).options.variants, 2)
})

test('what is done exactly has no variants, and says so', async () => {
  const report = {
    model: 'emoji',
    mode: 'fast',
    seed: 7,
    seconds: {},
    peakRssBytes: 0,
    exact: 'A′ is A mirrored',
  } as const
  const [, message] = await asked(2, { report })
  assert.match(textOf(message), /A′ is A mirrored: done exactly, .*\nThat has no variants, so there is one picture\./)
  assert.ok(buttonsOf(message).includes('Stronger'))
})

test('variants that are withheld are counted', async () => {
  const [, message] = await asked(4, variants(4, 5))
  assert.match(textOf(message), /^2 more are withheld by the model’s safety checker\.$/m)
  const [, one] = await asked(2, variants(4))
  assert.match(textOf(one), /^One more is withheld/m)
  assert.ok(buttonsOf(one).includes('Stronger'))
})

test('a private choice is for the person alone, and covered pictures stay covered', async () => {
  const [a, a2, b] = [1, 2, 3].map((byte) => bot.discord.attach(Uint8Array.of(byte)))
  const sent = bot.discord.slash('analogy', { a: a!, a2: a2!, b: b!, variants: 2, private: true, spoiler: true })
  const { done } = await bot.work()
  done({ difference: Uint8Array.of(42), ...variants(4, 5) })
  await until(() => sent.message && buttonsOf(sent.message).includes('Use no. 2'), 'the variants')
  await bot.settled()
  bot.discord.press(sent.message!, 'Use no. 2')
  await until(() => bytesIn(sent.message!).length === 4, 'the choice')
  assert.deepEqual(bytesIn(sent.message!), [1, 2, 3, 5])
  const spoilers = flatten(sent.message!.components).flatMap(({ items = [] }) => items.map(({ spoiler }) => spoiler))
  assert.deepEqual(spoilers, [true, true, true, true])
  await bot.settled()
})

test('/apply-diff has them, too', async () => {
  await bot.store.differences.save(guildId, savedAs('winter'))
  const image = bot.discord.attach(Uint8Array.of(3))
  const sent = bot.discord.slash('apply-diff', { name: 'winter', image, variants: 3 })
  const { job, done } = await bot.work()
  assert.equal(job.options.variants, 3)
  done(variants(4, 5, 6))
  assert.deepEqual(bytesIn(await resultOf(sent)).slice(-3), [4, 5, 6])
  await bot.settled()
})
