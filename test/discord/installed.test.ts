import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { InterruptedError } from '../../src/errors.ts'
import { answerTo, buttonsOf, formOf, png, privateAnswer, resultOf, save, whisperOf } from '../commands/whispers.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  ageRestrictedChannelId,
  coveredOf,
  foreignAgeRestrictedChannelId,
  foreignChannelId,
  foreignGuildId,
  galleryOf,
  groupChannelId,
  guildId,
  type Interaction,
  type Message,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../loopback/discord.ts'
import { EPHEMERAL } from '../loopback/rules.ts'

// People who have the bot in their account, and use it where the bot is not.

let bot: Bot
beforeEach(async () => {
  bot = await startBot()
})
afterEach(() => bot.close())

const installed: Person = { ...owner, hasInstalled: true }
const abroad: Person = { ...installed, channelId: foreignChannelId }
const inGroup: Person = { ...installed, channelId: groupChannelId }
const places = { 'a server without the bot': abroad, 'a group': inGroup }
const sixteenMinutes = 16 * 60_000

const attach = (byte: number, filename = 'x.png') => bot.discord.attach(png(byte), { filename })
const three = () => ({ a: attach(1), a2: attach(2), b: attach(3) })

async function analogy(who: Person, options = {}): Promise<Message> {
  const sent = bot.discord.slash('analogy', { ...three(), ...options }, who)
  const { done } = await bot.work()
  done({ pictures: { a: png(11), a2: png(12), pair: png(13) } })
  return resultOf(sent)
}

const idOf = ({ components }: Message) => /"save:(\d+)"/.exec(JSON.stringify(components))![1]!

/** What went to this person directly. */
const direct = (who: Person): readonly Message[] => {
  const channel = `31${who.id.slice(2)}`
  return [...bot.discord.messages.values()].filter((message) => message.channelId === channel)
}

/** What the bot asked of Discord with its own token about the channel. */
const askedOf = (channelId: string) => bot.discord.requests.filter((line) => line.includes(`channels/${channelId}`))

for (const [where, who] of Object.entries(places)) {
  test(`in ${where} the result comes into the answer, and belongs to the person`, async () => {
    const message = await analogy(who)
    assert.deepEqual(
      galleryOf(message).map(({ name }) => name),
      ['a.png', 'a2.png', 'b.png', 'b2.png'],
    )
    const id = idOf(message)
    assert.equal((await bot.store.results.get(id))!.scope, `@${owner.id}`)
    await privateAnswer(bot.discord.submit(await formOf(bot.discord.press(message, 'Save', who)), { name: 'winter' }))
    assert.ok(await bot.store.differences.get(`@${owner.id}`, 'winter'))
    assert.equal((await bot.store.differences.list(foreignGuildId)).length, 0)
    // It is the same library as in direct messages.
    const used = bot.discord.slash('apply-diff', { name: 'winter', image: attach(7) }, { ...installed, isDirect: true })
    const { done } = await bot.work()
    done()
    assert.match(textOf(await resultOf(used)), /^\*\*winter\*\* applied/)
    assert.deepEqual(askedOf(who.channelId!), [])
    assert.deepEqual(bot.log, [])
  })

  test(`in ${where} the buttons work for the person, and for nobody else`, async () => {
    const message = await analogy(who)
    const other = { ...stranger, channelId: who.channelId }
    for (const button of ['Again', 'Save', 'Delete']) {
      assert.match(
        await whisperOf(bot.discord.press(message, button, other)),
        /^Here only the person who asked for this/,
      )
    }
    const again = bot.discord.press(message, 'Again', who)
    const { done } = await bot.work()
    done()
    assert.ok(buttonsOf(await resultOf(again)).includes('Reverse'))
    bot.discord.press(message, 'Delete', who)
    await until(() => message.isDeleted, 'the end of the message')
  })

  test(`in ${where} what takes more than 15 minutes comes directly, as was said before`, async () => {
    const sent = bot.discord.slash('analogy', three(), who)
    const { done, progress } = await bot.work()
    progress({ stage: 'learn', step: 1, of: 5 })
    await until(() => sent.message && /guest in this channel.*direct message/.test(textOf(sent.message)), 'the warning')
    bot.discord.advance(sixteenMinutes)
    done()
    await bot.settled()
    const [message] = direct(owner)
    assert.ok(buttonsOf(message!).includes('Save'))
    assert.deepEqual(askedOf(who.channelId!), [])
    // The buttons go on working there.
    const again = bot.discord.press(message!, 'Again', installed)
    ;(await bot.work()).done()
    await resultOf(again)
    assert.deepEqual(bot.log, [])
  })
}

test('one of several results is chosen there, too', async () => {
  const sent = bot.discord.slash('analogy', { ...three(), variants: 2 }, abroad)
  ;(await bot.work()).done({
    variants: [4, 5].map((byte) => ({ seed: byte, image: png(byte) })),
  })
  const message = await resultOf(sent)
  assert.match(await whisperOf(bot.discord.press(message, 'Use no. 2', { ...abroad, ...stranger })), /^Here only/)
  bot.discord.press(message, 'Use no. 2', abroad)
  await until(() => buttonsOf(message).includes('Stronger'), 'the choice')
  assert.deepEqual(askedOf(foreignChannelId), [])
})

test('after a restart the answer still comes, and what is given up can be tried again', async () => {
  await bot.close()
  const dataDirectory = mkdtempSync(join(tmpdir(), 'isto-'))
  bot = await startBot({ dataDirectory })
  const sent = bot.discord.slash('analogy', three(), abroad)
  await bot.work()
  await bot.stop()
  assert.match(textOf(sent.message!), /^I am restarting; your job will continue/)
  bot = await startBot({ discord: bot.discord, dataDirectory })
  ;(await bot.work()).failed(new InterruptedError('I was interrupted.'))
  await until(() => sent.message && buttonsOf(sent.message).includes('Try again'), 'the offer')
  const again = bot.discord.press(sent.message!, 'Try again', abroad)
  ;(await bot.work()).done()
  await resultOf(again)
  assert.deepEqual(askedOf(foreignChannelId), [])
})

test('every command answers there, and the menu of other people’s messages', async () => {
  await save(bot.store, `@${owner.id}`, 'winter')
  for (const [name, options] of [
    ['help', {}],
    ['diffs list', {}],
    ['diffs show', { name: 'winter' }],
    ['diffs export', { name: 'winter' }],
    ['diffs forget', {}],
    ['queue', {}],
  ] as const) {
    assert.ok(textOf(await answerTo(bot.discord.slash(name, options, abroad))), name)
  }
  const message = bot.discord.post({ by: { ...stranger, channelId: foreignChannelId }, attachments: [attach(9)] })
  const menu = await answerTo(bot.discord.menu('Apply a difference', message, abroad))
  const chosen = bot.discord.choose(menu, ['winter'], abroad)
  const { job, done } = await bot.work()
  done()
  await resultOf(chosen)
  assert.equal(job.kind === 'apply' && job.image[0], 9)
  assert.throws(() => bot.discord.slash('settings show', {}, abroad), /not for here/)
  assert.deepEqual(askedOf(foreignChannelId), [])
})

test('where not even a direct message arrives, the next command says so', async () => {
  bot.discord.closeDirect(owner)
  bot.discord.slash('analogy', three(), abroad)
  const { done } = await bot.work()
  bot.discord.advance(sixteenMinutes)
  done()
  await bot.settled()
  const next = bot.discord.slash('queue', {}, abroad)
  await until(() => next.followUps.length > 0, 'the note')
  assert.match(textOf(next.followUps[0]!), /could not be sent to you: please allow direct messages/)
})

test('a message that was deleted cancels its job there, too', async () => {
  const sent = bot.discord.slash('analogy', three(), abroad)
  const { progress } = await bot.work()
  await until(() => sent.message && /Cancel/.test(JSON.stringify(sent.message.components)), 'the first news')
  sent.message!.isDeleted = true
  progress({ stage: 'learn', step: 1, of: 5 })
  await bot.settled()
  assert.deepEqual(direct(owner), [])
  assert.deepEqual(bot.log, [])
})

test('who may not use external apps in public is answered alone', async () => {
  const quiet: Person = { ...abroad, isQuiet: true }
  const sent = bot.discord.slash('analogy', three(), quiet)
  const { done } = await bot.work()
  bot.discord.advance(sixteenMinutes)
  done()
  await bot.settled()
  assert.ok(sent.message!.flags & EPHEMERAL)
  const [message] = direct(owner)
  const id = idOf(message!)
  assert.equal((await bot.store.results.get(id))!.isPrivate, true)
})

test('private is private in a group; nobody else is in a direct message', async () => {
  const sent = bot.discord.slash('analogy', { ...three(), private: true }, inGroup)
  ;(await bot.work()).done()
  await bot.settled()
  assert.ok(sent.message!.flags & EPHEMERAL)
  const alone = bot.discord.slash('analogy', { ...three(), private: true }, { ...owner, isDirect: true })
  ;(await bot.work()).done()
  await bot.settled()
  assert.equal(alone.message!.flags & EPHEMERAL, 0)
})

test('age-restricted channels are known there as well', async () => {
  await analogy({ ...installed, channelId: foreignAgeRestrictedChannelId })
  const { job } = await learned('secret', { ...installed, channelId: foreignAgeRestrictedChannelId })
  assert.equal(job.options.requiresSafetyCheck, false)
  const used = bot.discord.slash('apply-diff', { name: 'secret', image: attach(7) }, abroad)
  const { done } = await bot.work()
  done()
  const message = await resultOf(used)
  assert.deepEqual(coveredOf(message), ['b2.png'])
  assert.match(textOf(message), /age-restricted channel is shown only in such channels/)
})

async function learned(name: string, who: Person) {
  const opened = await formOf(bot.discord.slash('learn', { name }, who))
  bot.discord.submit(opened, { before: [attach(21)], after: [attach(22)] }, who)
  const work = await bot.work()
  work.done({ pictures: { a: png(11), a2: png(12), pair: png(13) } })
  await bot.settled()
  return work
}

test('on a server with the bot, all is the server’s, for those who have it in their account as well', async () => {
  await save(bot.store, guildId, 'theirs')
  const answer = await answerTo(bot.discord.slash('diffs list', {}, installed))
  assert.match(textOf(answer), /theirs/)
  const message = await analogy(installed)
  const again = bot.discord.press(message, 'Again', stranger)
  ;(await bot.work()).done()
  await resultOf(again)
  await bot.store.settings.change(guildId, { channels: [ageRestrictedChannelId] })
  const refused = await answerTo(bot.discord.slash('analogy', three(), installed))
  assert.match(textOf(refused), /^On this server I make pictures only in/)
})

test('files are as large as the person may send', async () => {
  const rich = { ...abroad, fileLimitBytes: 12 * 2 ** 20 }
  const large = new Uint8Array(11 * 2 ** 20)
  const message = await largeResult(rich, large)
  assert.ok(message.files.some(({ bytes }) => bytes.length === large.length))
})

async function largeResult(who: Person, image: Uint8Array): Promise<Message> {
  const sent: Interaction = bot.discord.slash('analogy', three(), who)
  ;(await bot.work()).done({ image })
  return resultOf(sent)
}
