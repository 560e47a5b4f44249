import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import sharp from 'sharp'
import type { ImagePair } from '../../src/jobs/protocol.ts'
import { answerTo, buttonsOf, formOf, png, resultOf } from '../commands/whispers.ts'
import { type Bot, startBot, type Work } from '../loopback/bot.ts'
import {
  ageRestrictedChannelId,
  ageRestrictedThreadId,
  channelId,
  coveredOf,
  forumPostId,
  galleryOf,
  guildId,
  hiddenChannelId,
  type Interaction,
  type Message,
  owner,
  type Person,
  privateThreadId,
  stranger,
  textOf,
  until,
  voiceChannelId,
} from '../loopback/discord.ts'
import { EPHEMERAL } from '../loopback/rules.ts'

// Nobody's picture goes where it should not.

let bot: Bot
beforeEach(async () => {
  bot = await startBot()
})
afterEach(() => bot.close())

const attach = (byte: number, filename = 'picture.png') => bot.discord.attach(Uint8Array.of(byte), { filename })
const three = (covered: 'a' | 'a2' | 'b' | 'none' = 'none') => {
  const name = (which: string) => (which === covered ? 'SPOILER_x.png' : 'x.png')
  return { a: attach(1, name('a')), a2: attach(2, name('a2')), b: attach(3, name('b')) }
}
const namesIn = (message: Message) => galleryOf(message).map(({ name }) => name)
const pictures = { a: png(11), a2: png(12), pair: png(13) }
const sixteenMinutes = 16 * 60_000

/** Ends the next job. */
async function end(): Promise<Work> {
  const work = await bot.work()
  work.done({ pictures })
  return work
}

async function analogy(options = {}, who: Person = owner): Promise<Message> {
  const sent = bot.discord.slash('analogy', { ...three(), ...options }, who)
  await end()
  return resultOf(sent)
}

async function learn(name: string, who: Person, options = {}, file = 'x.png'): Promise<Interaction> {
  const opened = await formOf(bot.discord.slash('learn', { name, ...options }, who))
  const sent = bot.discord.submit(opened, { before: [attach(1, file)], after: [attach(2)] }, who)
  await end()
  await bot.settled()
  return sent
}

// ---- Spoilers ----

test('what comes covered goes covered, with everything made from it, previews too', async () => {
  for (const [covered, expected] of [
    ['a', ['a.png', 'a2.png', 'b2.png']],
    ['a2', ['a.png', 'a2.png', 'b2.png']],
    ['b', ['b.png', 'b2.png']],
    ['none', []],
  ] as const) {
    const sent = bot.discord.slash('analogy', three(covered))
    const work = await bot.work()
    work.progress({ stage: 'sample', step: 1, of: 5, preview: png(5) })
    await until(() => sent.message && namesIn(sent.message)[0] === 'preview.png', 'a preview')
    assert.deepEqual(coveredOf(sent.message!), covered === 'none' ? [] : ['preview.png'])
    work.done({ pictures })
    assert.deepEqual(coveredOf(await resultOf(sent)), expected)
  }
})

test('the buttons under a covered result cover what comes of them, and so does what was saved from it', async () => {
  const first = await analogy(three('a'))
  const again = bot.discord.press(first, 'Again')
  await end()
  assert.deepEqual(coveredOf(await resultOf(again)), ['a.png', 'a2.png', 'b2.png'])
  const other = bot.discord.submit(await formOf(bot.discord.press(first, 'Another picture')), { image: [attach(7)] })
  await end()
  assert.deepEqual(coveredOf(await resultOf(other)), ['a.png', 'a2.png', 'b2.png'])
  assert.deepEqual(coveredOf(await answerTo(bot.discord.slash('save-diff', { name: 'kept' }))), ['pair.png'])
  assert.deepEqual(coveredOf(await answerTo(bot.discord.slash('diffs list', {}))), ['pair-0.png'])
  assert.deepEqual(coveredOf(await answerTo(bot.discord.slash('diffs show', { name: 'kept' }))), ['a.png', 'a2.png'])
  const applied = bot.discord.slash('apply-diff', { name: 'kept', image: attach(8) })
  await end()
  assert.deepEqual(coveredOf(await resultOf(applied)), ['a.png', 'a2.png', 'b2.png'])
})

test('a form with a covered picture teaches a covered difference', async () => {
  const sent = await learn('quiet', owner, {}, 'SPOILER_x.png')
  assert.deepEqual(coveredOf(sent.message!), ['pair.png'])
  assert.deepEqual((await bot.store.differences.get(guildId, 'quiet'))!.sensitivity, { isSpoiler: true })
})

test('a picture in a message may be covered in many ways, and the menu keeps to it', async () => {
  await learn('soft', owner)
  const gallery = (spoiler: boolean) => ({ type: 12, items: [{ media: { url: `${attach(4).url}` }, spoiler }] })
  const embed = (url: string) => ({ content: `||${url}||`, embeds: [{ url, thumbnail: { url: attach(4).url } }] })
  for (const [written, isCovered] of [
    [{ attachments: [attach(4, 'SPOILER_x.png')] }, true],
    [{ attachments: [attach(4)] }, false],
    [{ components: [gallery(true)] }, true],
    [{ components: [gallery(false)] }, false],
    [{ components: [{ type: 17, spoiler: true, components: [gallery(false)] }] }, true],
    [
      {
        components: [
          {
            type: 9,
            components: [{ type: 10, content: 'x' }],
            accessory: { type: 11, media: { url: attach(4).url }, spoiler: true },
          },
        ],
      },
      true,
    ],
    [embed('https://example.com/page'), true],
  ] as const) {
    const asked = await answerTo(bot.discord.menu('Apply a difference', bot.discord.post(written)))
    assert.equal(coveredOf(asked).length, isCovered ? 1 : 0, JSON.stringify(written))
    const chosen = bot.discord.choose(asked, ['soft'])
    await end()
    assert.deepEqual(coveredOf(await resultOf(chosen)), isCovered ? ['b.png', 'b2.png'] : [])
  }
})

test('who wants it has everything covered', async () => {
  assert.deepEqual(coveredOf(await analogy({ spoiler: true })), ['a.png', 'a2.png', 'b.png', 'b2.png'])
  assert.deepEqual(coveredOf((await learn('mine', owner, { spoiler: true })).message!), ['pair.png'])
})

// ---- Age-restricted channels ----

const night = { ...owner, channelId: ageRestrictedChannelId }

test('what was learned in an age-restricted channel works elsewhere, covered and without its pictures', async () => {
  await learn('night', night)
  assert.deepEqual(namesIn(await answerTo(bot.discord.slash('diffs show', { name: 'night' }, night))), [
    'a.png',
    'a2.png',
  ])
  const list = await answerTo(bot.discord.slash('diffs list', {}, stranger))
  assert.deepEqual([list.files.length, /age-restricted channel/.test(textOf(list))], [0, true])
  const shown = await answerTo(bot.discord.slash('diffs show', { name: 'night' }, stranger))
  assert.deepEqual(namesIn(shown), [])
  assert.doesNotMatch(textOf(shown), /From/)

  const applied = bot.discord.slash('apply-diff', { name: 'night', image: attach(8) }, stranger)
  await end()
  const result = await resultOf(applied)
  assert.deepEqual([namesIn(result), coveredOf(result)], [['b.png', 'b2.png'], ['b2.png']])
  assert.deepEqual(
    result.files.map(({ bytes }) => bytes[0]),
    [8, 4],
  )
  assert.match(textOf(result), /shown only in such channels/)
  // Neither does a copy of it show them, nor what comes of the buttons.
  const copy = await formOf(bot.discord.press(result, 'Save', stranger))
  const saved = await answerTo(bot.discord.submit(copy, { name: 'copy' }, stranger))
  assert.deepEqual(saved.files, [])
  assert.deepEqual((await bot.store.differences.get(guildId, 'copy'))!.sensitivity, { isAgeRestricted: true })
  const again = bot.discord.press(result, 'Again', stranger)
  await end()
  assert.deepEqual(namesIn(await resultOf(again)), ['b.png', 'b2.png'])
})

test('what is learned again on another model is shown no more than before', async () => {
  const pairs: readonly ImagePair[] = [{ a: png(1), a2: png(2) }]
  const facts = { model: 'other', mode: 'fast', seed: 1 } as const
  const saved = { name: 'old', bytes: png(9), person: owner.id, at: 1, facts, pictures, pairs }
  await bot.store.differences.save(guildId, { ...saved, sensitivity: { isAgeRestricted: true } })
  const refused = await answerTo(bot.discord.slash('apply-diff', { name: 'old', image: attach(8) }))
  const relearned = bot.discord.press(refused, 'Learn it again on this model')
  await end()
  assert.deepEqual((await resultOf(relearned)).files, [])
  assert.deepEqual((await bot.store.differences.get(guildId, 'old'))!.sensitivity, { isAgeRestricted: true })
})

test('threads and forum posts are as their channel, even a private thread that the bot does not see', async () => {
  await bot.store.settings.change(guildId, { channels: [channelId], ageRestrictedOnly: false })
  await analogy({}, { ...owner, channelId: privateThreadId })
  await bot.store.settings.change(guildId, { channels: [], ageRestrictedOnly: true })
  for (const where of [ageRestrictedThreadId, forumPostId]) await analogy({}, { ...owner, channelId: where })
  const refused = await answerTo(bot.discord.slash('analogy', three(), { ...owner, channelId: privateThreadId }))
  assert.match(textOf(refused), /only in age-restricted channels/)
})

test('it works in the chat of a voice channel, and where the bot sees nothing', async () => {
  for (const where of [voiceChannelId, hiddenChannelId, privateThreadId]) {
    const result = await analogy({}, { ...owner, channelId: where })
    assert.equal(galleryOf(result).length, 4)
  }
})

// ---- Metadata ----

test('a photograph is posted and kept without camera and place', async () => {
  const photograph = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .withExif({ IFD0: { Make: 'Secret 0815' }, IFD3: { GPSLatitudeRef: 'N' } })
    .jpeg()
    .toBuffer()
  const upload = () => bot.discord.attach(photograph, { filename: 'x.jpg', content_type: 'image/jpeg' })
  const sent = bot.discord.slash('analogy', { ...three(), b: upload() })
  const { job } = await end()
  assert.ok(job.kind === 'analogy' && !Buffer.from(job.b).includes('Secret'))
  const [, , b] = (await resultOf(sent)).files
  assert.ok(!Buffer.from(b!.bytes).includes('Secret'))
  const { image } = (await bot.store.results.get(sent.id))!
  assert.ok(!Buffer.from(image).includes('Secret'))
})

test('a TIFF, which Discord shows to nobody, is posted and kept as the PNG that the worker made of it', async () => {
  const tiff = { filename: 'x.tiff', content_type: 'image/tiff' }
  const sent = bot.discord.slash('analogy', { ...three(), b: bot.discord.attach(Uint8Array.of(3), tiff) })
  const { done } = await bot.work()
  done({ pictures, inputs: { pairs: [{ a: png(1), a2: png(2) }], b: png(33) } })
  const result = await resultOf(sent)
  assert.deepEqual(
    result.files.map(({ name, bytes }) => [name, bytes[0]]),
    [
      ['a.png', 1],
      ['a2.png', 2],
      ['b.png', 33],
      ['b2.png', 4],
    ],
  )
  assert.equal((await bot.store.results.get(sent.id))!.image[0], 33)
})

// ---- Deleted is deleted ----

test('a result that was deleted by Discord’s own menu can’t be saved, and nothing of it is kept', async () => {
  const older = await analogy()
  const newer = await analogy()
  newer.isDeleted = true
  await answerTo(bot.discord.slash('save-diff', { name: 'second' }))
  assert.equal((await bot.store.differences.get(guildId, 'second'))!.pairs![0]!.a[0], 1)
  older.isDeleted = true
  assert.match(
    textOf(await answerTo(bot.discord.slash('save-diff', { name: 'third' }))),
    /^I have nothing that you learned/,
  )
  assert.equal(await bot.store.results.latest(guildId, channelId, owner.id), undefined)
})

test('a form that outlives its message does nothing more', async () => {
  const message = await analogy()
  const opened = await formOf(bot.discord.press(message, 'Another picture'))
  message.isDeleted = true
  const sent = bot.discord.submit(opened, { image: [attach(7)] })
  await until(() => sent.followUps.length > 0 || (sent.message && sent.message !== message), 'an answer')
  await bot.settled()
  const answer = sent.followUps.at(-1) ?? sent.message!
  assert.match(textOf(answer), /no longer have/)
})

test('where a result may not be looked at, it is taken to be there', async () => {
  await analogy()
  bot.discord.deny(channelId, 'history')
  assert.match(textOf(await answerTo(bot.discord.slash('save-diff', { name: 'blind' }))), /^Saved/)
})

// ---- Private replies ----

const isPrivate = ({ flags }: Message) => (flags & EPHEMERAL) !== 0
const inChannel = () => [...bot.discord.messages.values()].filter((one) => one.channelId === channelId)

test('a private answer is private from start to end, and so is what comes of its buttons', async () => {
  const sent = bot.discord.slash('analogy', { ...three(), private: true })
  await until(() => sent.message, 'an answer')
  assert.ok(isPrivate(sent.message!))
  await until(() => /Only you see this.*direct message/.test(textOf(sent.message!)), 'what will be said beforehand')
  const others = await answerTo(bot.discord.slash('queue', {}, stranger))
  assert.match(textOf(others), /A private job/)
  await end()
  await bot.settled()
  assert.equal(galleryOf(sent.message!).length, 4)
  const again = bot.discord.press(sent.message!, 'Again')
  await end()
  await bot.settled()
  assert.equal(galleryOf(again.message!).length, 4)
  const learned = await learn('secret', owner, { private: true })
  const applied = bot.discord.slash('apply-diff', { name: 'secret', image: attach(8), private: true })
  await end()
  await bot.settled()
  assert.match(textOf(applied.message!), /secret/)
  assert.match(textOf(learned.message!), /^Learned and saved/)
  assert.ok(inChannel().every(isPrivate), 'nothing is public')
})

test('after 15 minutes a private answer comes as a direct message, and nothing is said in public', async () => {
  const sent = bot.discord.slash('analogy', { ...three(), private: true })
  const { done } = await bot.work()
  await until(() => sent.message!.edits > 0, 'a first word')
  bot.discord.advance(sixteenMinutes)
  done()
  await bot.settled()
  const last = [...bot.discord.messages.values()].at(-1)!
  assert.notEqual(last.channelId, channelId)
  assert.equal(galleryOf(last).length, 4)
  assert.ok(buttonsOf(last).includes('Again'))
  assert.ok(inChannel().every(isPrivate))
  assert.deepEqual(bot.log, [])
})
