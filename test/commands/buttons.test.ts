import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { ApplyJob, Report } from '../../src/jobs/protocol.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  galleryOf,
  type Interaction,
  type Loopback,
  type Message,
  otherGuildId,
  outsider,
  owner,
  startLoopback,
  stranger,
  until,
} from '../loopback/discord.ts'
import { flatten } from '../loopback/rules.ts'
import { buttonsOf, forgedButton, formOf, resultOf, whisperOf } from './whispers.ts'

// The buttons under a result, pressed in a process that started after the result was posted.

const dataDirectory = mkdtempSync(join(tmpdir(), 'isto-'))
let discord: Loopback
let bot: Bot
let message: Message
const report: Report = {
  model: 'emoji',
  mode: 'fast' as const,
  seed: 7,
  seconds: {},
  peakRssBytes: 0,
  strength: 1.2,
  preserve: 0.4,
  caption: { a: 'a cat', a2: 'a blue cat', b: 'a dog' },
}

before(async () => {
  discord = await startLoopback()
  const first = await startBot({ discord, dataDirectory })
  const [a, a2, b] = [1, 2, 3].map((byte) => discord.attach(Uint8Array.of(byte)))
  const sent = discord.slash('analogy', { a: a!, a2: a2!, b: b!, words: 'a red dog', seed: 7 })
  ;(await first.work()).done({ report, difference: Uint8Array.of(42) })
  message = await resultOf(sent)
  await first.settled()
  await first.stop()
  discord.advance(31 * 24 * 60 * 60_000)
  bot = await startBot({ discord, dataDirectory })
})
after(async () => {
  await bot.stop()
  await discord.close()
  rmSync(dataDirectory, { recursive: true })
})

const customIdOf = ({ components }: Message, wanted: string): string =>
  flatten(components).find(({ label }) => label === wanted)!.custom_id!

/** Presses a button, ends the job that comes of it, and gives the job and its message. */
async function pressed(label: string, who = owner): Promise<[ApplyJob, Message]> {
  const sent = discord.press(message, label, who)
  return finished(sent)
}

async function finished(sent: Interaction): Promise<[ApplyJob, Message]> {
  const { job, done } = await bot.work()
  done({ report: { ...report, strength: job.options.strength, seed: job.options.seed } })
  const answer = await resultOf(sent)
  await bot.settled()
  assert.notEqual(answer.id, message.id)
  assert.equal(job.kind, 'apply')
  return [job as ApplyJob, answer]
}

test('Again uses what was learned on the same picture with another seed, and shows all four pictures', async () => {
  const [job, answer] = await pressed('Again')
  assert.deepEqual(
    job.differences.map(({ bytes, strength }) => [bytes[0], strength]),
    [[42, 1.2]],
  )
  assert.equal(job.image[0], 3)
  assert.notEqual(job.options.seed, 7)
  assert.equal(job.options.prompt, 'a red dog')
  assert.equal(job.options.preserve, 0.4)
  assert.deepEqual(
    galleryOf(answer).map(({ name }) => name),
    ['a.png', 'a2.png', 'b.png', 'b2.png'],
  )
  assert.deepEqual(
    answer.files.map(({ bytes }) => bytes[0]),
    [1, 2, 3, 4],
  )
})

for (const [label, strength] of [
  ['Stronger', 1.8],
  ['Weaker', 0.8],
  ['Reverse', -1.2],
] as const) {
  test(`${label} keeps the seed and changes the strength`, async () => {
    const [job] = await pressed(label, stranger)
    assert.equal(job.options.seed, 7)
    assert.ok(Math.abs(job.differences[0]!.strength! - strength) < 1e-9, String(job.differences[0]!.strength))
  })
}

test('Stronger under a stronger result goes on, and ends at 3', async () => {
  let last = message
  const strengths: (number | undefined)[] = []
  for (let turn = 0; turn < 3; turn++) {
    const [job, answer] = await finished(discord.press(last, 'Stronger'))
    strengths.push(job.differences[0]!.strength)
    last = answer
  }
  assert.deepEqual(
    strengths.map((value) => Math.round(value! * 100) / 100),
    [1.8, 2.7, 3],
  )
  assert.ok(buttonsOf(last).includes('Stronger (off)'))
  const forged = discord.press(forgedButton(last, customIdOf(last, 'Stronger')), 'Forged')
  assert.match(await whisperOf(forged), /^The strength is 3 already, and that is the limit/)
})

test('Adjust asks for strength and preserve in a form that holds those of the result', async () => {
  const opened = await formOf(discord.press(message, 'Adjust …', stranger))
  assert.deepEqual(
    flatten(opened.form!.components).flatMap(({ value }) => value ?? []),
    ['1.2', '0.4'],
  )
  const [job] = await finished(discord.submit(opened, { strength: '−0,5', preserve: '0.9' }, stranger))
  assert.deepEqual([job.differences[0]!.strength, job.options.preserve, job.options.seed], [-0.5, 0.9, 7])
})

for (const [strength, preserve, sentence] of [
  ['4', '1', '`strength` has to be a number from -3 to 3.'],
  ['much', '1', '`strength` has to be a number from -3 to 3.'],
  ['1', ' ', '`preserve` has to be a number from 0 to 1.'],
  ['1.2', '0.4', 'Nothing was changed, and the same picture would come again.'],
] as const) {
  test(`Adjust to “${strength}” and “${preserve}” gets a sentence`, async () => {
    const opened = await formOf(discord.press(message, 'Adjust …'))
    assert.equal(await whisperOf(discord.submit(opened, { strength, preserve })), sentence)
  })
}

test('Another picture asks for one in a form', async () => {
  const opened = await formOf(discord.press(message, 'Another picture', stranger))
  const picture = discord.attach(Uint8Array.of(8))
  const [job, answer] = await finished(discord.submit(opened, { image: [picture] }, stranger))
  assert.equal(job.image[0], 8)
  assert.equal(job.options.prompt, undefined)
  assert.deepEqual(
    answer.files.map(({ bytes }) => bytes[0]),
    [1, 2, 8, 4],
  )
})

test('a file that is no picture is refused', async () => {
  const opened = await formOf(discord.press(message, 'Another picture'))
  const picture = discord.attach(Uint8Array.of(8), { content_type: 'text/plain', filename: 'x.txt' })
  assert.match(await whisperOf(discord.submit(opened, { image: [picture] })), /is not a type of picture I can read/)
})

test('a result of another server can neither be used nor deleted, whatever a button says', async () => {
  const there = { ...outsider }
  const foreign = discord.slash('queue', {}, there)
  await until(() => foreign.message, 'an answer there')
  const id = /again:(\d+)/.exec(JSON.stringify(message.components))![1]!
  for (const word of ['again', 'stronger', 'another', 'delete', 'save']) {
    const sent = discord.press(forgedButton({ ...foreign.message! }, `${word}:${id}`), 'Forged', there)
    assert.match(await whisperOf(sent), /no longer have the pictures/, word)
  }
  assert.ok(!message.isDeleted)
  assert.equal(await bot.store.results.latest(otherGuildId, message.channelId, owner.id), undefined)
})

for (const customId of [
  'again:',
  'again:../../etc',
  `again:${'9'.repeat(90)}`,
  'nonsense:1',
  'cancel:',
  'relearn:nothing',
]) {
  test(`the custom_id ${customId.slice(0, 20)} gets a sentence`, async () => {
    const sentence = await whisperOf(discord.press(forgedButton(message, customId), 'Forged'))
    assert.match(sentence, /^[A-Z].*\.$/)
  })
}

test('a result that went to its owner directly can be used there, by nobody else', async () => {
  const direct = { ...owner, isDirect: true }
  const id = /again:(\d+)/.exec(JSON.stringify(message.components))![1]!
  const there = discord.slash('queue', {}, direct)
  await until(() => there.message, 'an answer there')
  const forwarded = forgedButton({ ...there.message! }, `again:${id}`)
  const [job] = await finished(discord.press(forwarded, 'Forged', direct))
  assert.equal(job.image[0], 3)
  const sentence = await whisperOf(discord.press(forwarded, 'Forged', { ...stranger, isDirect: true }))
  assert.match(sentence, /no longer have the pictures/)
})

test('Delete is for the owner and moderators', async () => {
  assert.match(await whisperOf(discord.press(message, 'Delete', stranger)), /Only the person who asked for it/)
  assert.ok(!message.isDeleted)
  discord.press(message, 'Delete', { ...stranger, isModerator: true })
  await until(() => message.isDeleted, 'the deletion')
  await bot.settled()
  assert.match(await whisperOf(discord.press(message, 'Again')), /no longer have the pictures/)
})
