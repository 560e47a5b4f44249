import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import type { JobResult } from '../../src/jobs/protocol.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  admin,
  ageRestrictedChannelId,
  guildId,
  type Interaction,
  type Message,
  otherGuildId,
  outsider,
  owner,
  type Person,
  stranger,
  textOf,
} from '../loopback/discord.ts'
import {
  forgedButton,
  forgedForm,
  formOf,
  jpeg,
  privateAnswer,
  resultOf,
  savedAs,
  unset,
  whisperOf,
} from './whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot()
})
after(() => bot.close())
afterEach(() => unset(bot.store))

const attach = (byte: number) => bot.discord.attach(Uint8Array.of(byte))
const report = {
  ...({ model: 'emoji', modelHash: 'abc', mode: 'fast', seed: 7, seconds: {}, peakRssBytes: 0, version: '1' } as const),
  strength: 1.5,
  preserve: 0.4,
  fit: 0.8,
  pairs: 1,
  caption: { a: 'a cat', a2: 'a blue cat', b: 'a dog' },
}

/** Ends the job that comes next. */
async function end(sent: Interaction, result: Partial<JobResult> = {}): Promise<Message> {
  const { done } = await bot.work()
  done({ report, ...result })
  return resultOf(sent)
}

/** A result of `/analogy` whose difference is `bytes`. */
function analogy(bytes: readonly number[], who: Person = owner): Promise<Message> {
  const sent = bot.discord.slash('analogy', { a: attach(1), a2: attach(2), b: attach(3) }, who)
  const pictures = { a: Uint8Array.of(51), a2: Uint8Array.of(52), pair: Uint8Array.of(53) }
  return end(sent, { difference: Uint8Array.from(bytes), pictures })
}

const find = (name: string, scope = guildId) => bot.store.differences.get(scope, name)

test('what this person learned last in this channel is saved, with its pair, its pictures and what is known of it', async () => {
  await analogy([1])
  await analogy([2])
  await analogy([3], stranger)
  await analogy([4], { ...owner, channelId: ageRestrictedChannelId })
  await analogy([5], { ...owner, isDirect: true })
  const answer = await privateAnswer(bot.discord.slash('save-diff', { name: 'Blue_ish 🔵' }))
  assert.equal(textOf(answer), 'Saved **Blue\\_ish 🔵**: use it with `/apply-diff`.')
  assert.deepEqual(
    answer.files.map(({ name, alt, bytes }) => [name, alt, bytes[0]]),
    [['pair.png', 'A: a cat. A′: a blue cat', 53]],
  )
  const { at, bytes, facts, pairs, pictures, ...rest } = (await find('blue_ISH 🔵'))!
  assert.deepEqual(rest, { name: 'Blue_ish 🔵', person: owner.id })
  assert.ok(Math.abs(at - Date.now()) < 60_000)
  assert.deepEqual([...bytes], [2])
  assert.deepEqual(
    pairs?.map(({ a, a2 }) => [a[0], a2[0]]),
    [[1, 2]],
  )
  assert.deepEqual([pictures.a?.[0], pictures.a2?.[0], pictures.pair?.[0]], [51, 52, 53])
  const { model, modelHash, seed, strength, preserve, fit, caption } = facts
  assert.deepEqual([model, modelHash, seed, strength, preserve, fit], ['emoji', 'abc', 7, 1.5, 0.4, 0.8])
  assert.equal(caption?.a2, 'a blue cat')
  assert.equal(await find('blue_ish 🔵', otherGuildId), undefined)
})

test('who has learned nothing here is told so', async () => {
  const sentence = await whisperOf(bot.discord.slash('save-diff', { name: 'nothing' }, admin))
  assert.equal(sentence, 'I have nothing that you learned in this channel; please start with `/analogy`.')
})

test('in direct messages it is saved for the person', async () => {
  await analogy([6], { ...owner, isDirect: true })
  await privateAnswer(bot.discord.slash('save-diff', { name: 'mine' }, { ...owner, isDirect: true }))
  assert.deepEqual([...(await find('mine', `@${owner.id}`))!.bytes], [6])
  assert.equal(await find('mine'), undefined)
})

test('the button under a result asks for a name, of anyone who may save', async () => {
  const message = await analogy([10])
  const form = await formOf(bot.discord.press(message, 'Save', stranger))
  const sent = bot.discord.submit(form, { name: '  from  the button ' })
  assert.equal(await whisperOf(sent), 'Saved **from the button**: use it with `/apply-diff`.')
  const saved = await find('from the button')
  assert.equal(saved?.person, stranger.id)
  assert.deepEqual([...saved.bytes], [10])
})

test('a difference is saved as it was applied', async () => {
  const message = await analogy([20])
  const reversed = await end(bot.discord.press(message, 'Reverse'), { report: { ...report, strength: -1.5 } })
  const stronger = await end(bot.discord.press(reversed, 'Stronger'), { report: { ...report, strength: -2.25 } })
  bot.discord.submit(await formOf(bot.discord.press(stronger, 'Save')), { name: 'reversed' })
  await privateAnswer(bot.discord.slash('save-diff', { name: 'reversed too' }))
  for (const name of ['reversed', 'reversed too']) {
    const saved = await find(name)
    assert.deepEqual([...saved!.bytes], [20])
    assert.equal(saved!.facts.strength, -2.25)
    assert.equal(saved!.facts.fit, 0.8)
    assert.deepEqual([saved!.pictures.pair?.[0], saved!.pairs?.[0]?.a[0]], [53, 1])
  }
})

test('a saved difference can be saved under another name, with all of its pairs; two at once can not', async () => {
  const pairs = [1, 2, 3].map((byte) => ({ a: jpeg(byte), a2: jpeg(byte, byte) }))
  const original = savedAs('original', { bytes: Uint8Array.of(30), pairs, person: stranger.id })
  await bot.store.differences.save(guildId, original)
  await bot.store.differences.save(guildId, savedAs('other'))
  const image = attach(9)
  const one = await end(bot.discord.slash('apply-diff', { name: 'original', image, strength: 2 }), { report })
  const saving = bot.discord.submit(await formOf(bot.discord.press(one, 'Save')), { name: 'copy' })
  await privateAnswer(saving)
  const copy = (await find('copy'))!
  assert.deepEqual([...copy.bytes], [30])
  assert.equal(copy.person, owner.id)
  assert.equal(copy.facts.strength, 2)
  assert.equal(copy.facts.seed, original.facts.seed)
  assert.deepEqual(
    copy.pairs?.map(({ a, a2 }) => [...a, ...a2]),
    pairs.map(({ a, a2 }) => [...a, ...a2]),
  )

  const two = await end(bot.discord.slash('apply-diff', { name: 'original', and: 'other', image }), { report })
  assert.equal(
    await whisperOf(bot.discord.press(two, 'Save')),
    'This picture was made with **original** and **other** together, and a name stands for one difference only; both are saved already.',
  )
  // What was applied only was not learned.
  assert.match(
    await whisperOf(bot.discord.slash('save-diff', { name: 'x' }, admin)),
    /^I have nothing that you learned/,
  )
})

test('the pair that is shown is what a copy has, where the original is gone', async () => {
  const pairs = [{ a: jpeg(1), a2: jpeg(2) }]
  await bot.store.differences.save(guildId, savedAs('fleeting', { pairs }))
  const shown = await end(bot.discord.slash('apply-diff', { name: 'fleeting', image: attach(9) }))
  await bot.store.differences.remove(guildId, 'fleeting')
  await privateAnswer(bot.discord.submit(await formOf(bot.discord.press(shown, 'Save')), { name: 'kept' }))
  assert.deepEqual(
    (await find('kept'))!.pairs?.map(({ a, a2 }) => [a.at(-1), a2.at(-1)]),
    [[1, 2]],
  )
})

test('a taken name, a bad name and a full server are told, and the form can be sent again', async () => {
  const message = await analogy([40])
  await bot.store.differences.save(guildId, savedAs('Besetzt', { person: stranger.id }))
  const form = await formOf(bot.discord.press(message, 'Save'))
  assert.equal(
    await whisperOf(bot.discord.submit(form, { name: 'BESETZT' })),
    `<@${stranger.id}> has saved a difference as **Besetzt**; please choose another name.`,
  )
  assert.match(await whisperOf(bot.discord.submit(form, { name: 'a\u2066b' })), /^A name is made of letters/)
  assert.match(await whisperOf(bot.discord.submit(form, { name: '@everyone' })), /^A name is made of letters/)
  await bot.store.settings.change(guildId, { limit: 1 })
  assert.match(await whisperOf(bot.discord.submit(form, { name: 'free' })), /that is the limit/)
  await unset(bot.store)
  assert.match(await whisperOf(bot.discord.submit(form, { name: 'שָׁלוֹם עולם' })), /^Saved \*\*שָׁלוֹם עולם\*\*/)
})

test('where only managers save, others are told so, and may save for themselves', async () => {
  const message = await analogy([50])
  const form = await formOf(bot.discord.press(message, 'Save'))
  await bot.store.settings.change(guildId, { savers: 'managers', keepPairs: false })
  const refused = [bot.discord.submit(form, { name: 'managed' }), bot.discord.slash('save-diff', { name: 'managed' })]
  for (const one of refused) assert.match(await whisperOf(one), /only those who manage it/)
  const own = await formOf(bot.discord.press(message, 'Save'))
  assert.match(await whisperOf(bot.discord.submit(own, { name: 'for me' })), /^Saved \*\*for me\*\*/)
  assert.ok(await find('for me', `@${owner.id}`))
  const allowed = await formOf(bot.discord.press(message, 'Save', admin))
  await privateAnswer(bot.discord.submit(allowed, { name: 'managed' }))
  const saved = await find('managed')
  assert.equal(saved?.person, admin.id)
  assert.equal(saved.pairs, undefined)
})

test('results of other servers, and what is no result, can not be saved', async () => {
  const theirs = await analogy([60], outsider)
  const mine = await analogy([61])
  const theirId = /"save:(\d+)"/.exec(JSON.stringify(theirs.components))![1]
  const form = await formOf(bot.discord.press(mine, 'Save'))
  const { length } = await bot.store.differences.list(guildId)
  for (const id of [
    `save:${theirId}`,
    'save:../../x',
    'save:',
    'save',
    'save:9',
    'save:__proto__',
    `save:${theirId}:1`,
  ]) {
    const sentence = /^I no longer have the pictures of this result/
    assert.match(await whisperOf(bot.discord.press(forgedButton(mine, id), 'Forged')), sentence)
    assert.match(await whisperOf(bot.discord.submit(forgedForm(form, id), { name: 'stolen' })), sentence)
  }
  assert.equal((await bot.store.differences.list(guildId)).length, length)
})

test('the log holds no fault', () => {
  assert.deepEqual(bot.log, [])
})
