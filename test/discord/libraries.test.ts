import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import {
  answerTo,
  buttonsOf,
  choicesOf,
  forgedButton,
  formOf,
  jpeg,
  png,
  privateAnswer,
  resultOf,
  savedAs,
  turned,
  whisperOf,
} from '../commands/whispers.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  admin,
  guildId,
  type Message,
  otherChannelId,
  otherGuildId,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../loopback/discord.ts'

// A person's own differences, beside the server's.

let bot: Bot
beforeEach(async () => {
  bot = await startBot()
})
afterEach(async () => {
  assert.deepEqual(bot.log, [])
  await bot.close()
})

const elsewhere: Person = { ...owner, channelId: otherChannelId }
const alone: Person = { ...owner, isDirect: true }
const own = `@${owner.id}`
const attach = (byte: number) => bot.discord.attach(png(byte))
const pictures = { a: png(51), a2: png(52), pair: png(53) }
const report = { model: 'emoji', mode: 'fast', seed: 7, seconds: {}, peakRssBytes: 0 } as const
const find = (library: string, name: string) => bot.store.differences.get(library, name)
const put = (library: string, name: string, change = {}) => bot.store.differences.save(library, savedAs(name, change))

async function analogy(who: Person = owner): Promise<Message> {
  const sent = bot.discord.slash('analogy', { a: attach(1), a2: attach(2), b: attach(3) }, who)
  ;(await bot.work()).done({ pictures, report: { ...report, caption: { a: 'a cat', a2: 'a dog' } } })
  return resultOf(sent)
}

/** Applies it, and resolves to the bytes of the difference that was used. */
async function applied(name: string, who: Person = owner): Promise<readonly number[]> {
  const sent = bot.discord.slash('apply-diff', { name, image: attach(9) }, who)
  const { job, done } = await bot.work()
  done()
  await resultOf(sent)
  return job.kind === 'apply' ? [...job.differences[0]!.bytes] : []
}

async function suggested(name: string, option: string, typed: string, who: Person = owner) {
  const typing = bot.discord.complete(name, option, typed, { who })
  await until(() => typing.choices, 'choices')
  return typing.choices!
}

test('saved as mine, it is there on every server and in direct messages, and not the server’s', async () => {
  await analogy()
  await privateAnswer(bot.discord.slash('save-diff', { name: 'winter', where: 'mine' }))
  assert.equal(await find(guildId, 'winter'), undefined)
  const saved = (await find(own, 'winter'))!
  assert.deepEqual([saved.person, saved.pictures.pair?.[0], saved.pairs?.length], [owner.id, 53, 1])
  for (const who of [owner, elsewhere, alone]) {
    assert.deepEqual(await applied('winter', who), [9, 9, 9])
    assert.match(textOf(await answerTo(bot.discord.slash('diffs list', {}, who))), /winter/)
  }
  assert.match(await whisperOf(bot.discord.slash('diffs show', { name: 'winter' }, stranger)), /^No difference/)
  assert.doesNotMatch(textOf(await answerTo(bot.discord.slash('diffs list', {}, stranger))), /winter/)
})

test('the list shows both, and autocomplete says where a name is from', async () => {
  await put(guildId, 'snow', { person: stranger.id, bytes: png(1) })
  await put(own, 'snow', { bytes: png(2) })
  await put(own, 'rain')
  const list = await answerTo(bot.discord.slash('diffs list', {}))
  assert.match(textOf(list), /^One difference is saved here\..*\n2 more are your own, on every server\./)
  assert.match(textOf(list), /\*\*snow\*\*\nby.*\*\*rain\*\* \(yours\)\nby.*\*\*snow\*\* \(yours\)\n/s)
  const values = ['snow', 'mine:rain', 'mine:snow']
  assert.deepEqual(
    choicesOf(list).map(({ label, value }) => [label, value]),
    ['snow', 'rain (yours)', 'snow (yours)'].map((label, index) => [label, values[index]]),
  )
  assert.deepEqual(await suggested('apply-diff', 'name', 'sn'), [
    { name: 'snow', value: 'snow' },
    { name: 'snow (yours)', value: 'mine:snow' },
  ])
  assert.deepEqual(await suggested('apply-diff', 'name', 'sn', alone), [{ name: 'snow', value: 'snow' }])
  // The server's goes before one's own, unless that is asked for.
  assert.deepEqual(await applied('snow'), [1])
  assert.deepEqual(await applied('mine:snow'), [2])
  assert.deepEqual(await applied('rain'), [7, 7, 7])
})

test('one’s own is shown, renamed and deleted, whoever may do so on the server', async () => {
  await bot.store.settings.change(guildId, { savers: 'managers' })
  await put(guildId, 'snow', { person: stranger.id })
  await put(own, 'snow')
  const shown = await answerTo(bot.discord.slash('diffs show', { name: 'mine:snow' }))
  assert.match(textOf(shown), /^\*\*snow\*\* \(yours\)/)
  assert.deepEqual(buttonsOf(shown), ['Export', 'Rename', 'Delete'])
  const renamed = bot.discord.submit(await formOf(bot.discord.press(shown, 'Rename')), { to: 'sleet' })
  assert.match(textOf(await turned(renamed)), /^\*\*sleet\*\* \(yours\)/)
  assert.deepEqual([!!(await find(own, 'sleet')), !!(await find(guildId, 'snow'))], [true, true])
  const asked = await answerTo(bot.discord.press(shown, 'Delete'))
  await turned(bot.discord.press(asked, 'Delete it'))
  assert.deepEqual(await bot.store.differences.list(own), [])
  assert.ok(await find(guildId, 'snow'))
})

test('the form under a result asks where, and the server is chosen already', async () => {
  const message = await analogy()
  await privateAnswer(bot.discord.submit(await formOf(bot.discord.press(message, 'Save')), { name: 'a' }))
  await privateAnswer(
    bot.discord.submit(await formOf(bot.discord.press(message, 'Save')), { name: 'b', where: ['mine'] }),
  )
  assert.deepEqual([!!(await find(guildId, 'a')), !!(await find(own, 'b'))], [true, true])
  assert.deepEqual([await find(guildId, 'b'), await find(own, 'a')], [undefined, undefined])
})

test('other people’s pictures do not come along', async () => {
  const message = await analogy(stranger)
  await privateAnswer(
    bot.discord.submit(await formOf(bot.discord.press(message, 'Save')), { name: 'theirs', where: ['mine'] }),
  )
  // Neither do they with what somebody else's buttons make.
  const [, id] = /"again:(\d+)"/.exec(JSON.stringify(message.components))!
  const learnedAgain = forgedButton(message, `learned:${id}`)
  for (const [button, shown] of [
    ['Again', message],
    ['Forged', learnedAgain],
  ] as const) {
    const sent = bot.discord.press(shown, button)
    ;(await bot.work()).done({ report, pictures })
    const form = await formOf(bot.discord.press(await resultOf(sent), 'Save'))
    await privateAnswer(bot.discord.submit(form, { name: button, where: ['mine'] }))
  }
  for (const name of ['theirs', 'Again', 'Forged']) {
    const { bytes, pairs, pictures, facts } = (await find(own, name))!
    const shown = Object.values(pictures).filter(Boolean)
    assert.deepEqual([[...bytes], pairs, shown, facts.caption], [[9, 9, 9], undefined, [], undefined], name)
  }
})

test('learned and imported as mine', async () => {
  const opened = await formOf(bot.discord.slash('learn', { name: 'learned', where: 'mine', private: true }))
  bot.discord.submit(opened, { before: [attach(21)], after: [attach(22)] })
  ;(await bot.work()).done({ pictures })
  const file = bot.discord.attach(png(5), { filename: 'x.safetensors', content_type: 'application/octet-stream' })
  bot.discord.slash('diffs import', { file, name: 'imported', where: 'mine' })
  ;(await bot.work()).done({ difference: png(5) })
  await bot.settled()
  assert.deepEqual(
    (await bot.store.differences.list(own)).map(({ name }) => name),
    ['imported', 'learned'],
  )
  assert.deepEqual(await bot.store.differences.list(guildId), [])
})

test('what was learned on another model is learned again where it is', async () => {
  await put(guildId, 'old', { person: stranger.id })
  const facts = { model: 'other', mode: 'fast', seed: 1 } as const
  await put(own, 'old', { facts, pairs: [{ a: jpeg(1), a2: jpeg(2) }] })
  const told = await answerTo(bot.discord.slash('apply-diff', { name: 'mine:old', image: attach(9) }))
  bot.discord.press(told, 'Learn it again on this model')
  ;(await bot.work()).done({ difference: png(8), report })
  await bot.settled()
  assert.deepEqual([...(await find(own, 'old'))!.bytes], [8])
  assert.deepEqual([...(await find(guildId, 'old'))!.bytes], [7, 7, 7])
})

// ---- To another server ----

const manager: Person = { ...admin, channelId: otherChannelId }
const copy = (name: string, server: string, who: Person = admin) =>
  whisperOf(bot.discord.slash('diffs copy', { name, server }, who))

test('copy: to another server that one manages, with what one brought oneself', async () => {
  await put(guildId, 'snow', { person: admin.id, pairs: [{ a: jpeg(1), a2: jpeg(2) }], pictures })
  assert.deepEqual(await suggested('diffs copy', 'server', 'else', admin), [
    { name: 'Elsewhere', value: otherGuildId },
    { name: 'Mine', value: 'mine' },
  ])
  assert.equal(await copy('snow', otherGuildId), '**snow** is copied.')
  const copied = (await find(otherGuildId, 'snow'))!
  assert.deepEqual([copied.person, copied.pairs?.length, copied.pictures.pair?.[0]], [admin.id, 1, 53])
  assert.match(await copy('snow', otherGuildId), /^There is already a saved difference called/)
  assert.match(await copy('snow', guildId), /is there already/)
  assert.equal(await copy('snow', 'mine'), '**snow** is copied.')
  assert.equal(await copy('snow', guildId.slice(0, -1), manager), notFound)
})

const notFound = 'I find no such server that you manage and I am on; please choose one of those I suggest.'

test('copy: nowhere else, and nobody learns of servers that they do not manage', async () => {
  await put(guildId, 'snow', { person: owner.id, pictures })
  assert.deepEqual(await suggested('diffs copy', 'server', '', owner), [{ name: 'Mine', value: 'mine' }])
  for (const server of [otherGuildId, 'Elsewhere', '200000000000000003', '1', '', '../1'].filter(Boolean)) {
    assert.equal(await copy('snow', server, owner), notFound)
  }
  // Whoever has left it, or lost the role.
  bot.discord.setRoles(otherGuildId, admin)
  assert.equal(await copy('snow', otherGuildId), notFound)
  bot.discord.setRoles(otherGuildId, admin, [])
  assert.equal(await copy('snow', otherGuildId), notFound)
  assert.deepEqual(await bot.store.differences.list(otherGuildId), [])
})

test('copy: pictures that somebody else brought stay, unless one manages both', async () => {
  await put(guildId, 'snow', { person: stranger.id, pictures, pairs: [{ a: jpeg(1), a2: jpeg(2) }] })
  assert.match(await copy('snow', 'mine', owner), /without its pictures, which somebody else brought here\.$/)
  const { pairs, pictures: kept, person } = (await find(own, 'snow'))!
  assert.deepEqual([pairs, Object.values(kept).filter(Boolean), person], [undefined, [], owner.id])
  assert.equal(await copy('snow', otherGuildId), '**snow** is copied.')
  assert.equal((await find(otherGuildId, 'snow'))!.pairs?.length, 1)
})
