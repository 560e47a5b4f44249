import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type Bot, startBot } from '../../loopback/bot.ts'
import { type Message, textOf } from '../../loopback/discord.ts'
import { ComponentType, flatten } from '../../loopback/rules.ts'
import {
  ageRestrictedChannelId,
  guildId,
  otherChannelId,
  otherGuildId,
  outsider,
  owner,
  stranger,
} from '../../loopback/world.ts'
import { answerTo, buttonsOf, forgedButton, png, save, turned } from '../whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot()
})
after(() => bot.close())
beforeEach(async () => {
  await bot.store.forget(guildId)
  await bot.store.forget(otherGuildId)
})

const list = (who = owner) => answerTo(bot.discord.slash('diffs list', {}, who))
const thumbnails = ({ components }: Message) =>
  flatten(components).filter(({ type }) => type === ComponentType.Thumbnail)
const names = (message: Message) => [...textOf(message).matchAll(/^\*\*(.+)\*\*$/gm)].map(([, name]) => name)

test('an empty list says how to make a difference', async () => {
  assert.match(textOf(await list()), /No difference is saved here yet\. Teach me one with `\/learn`/)
})

test('a difference is a name, who, when, model, how well it was learned, and its picture with alt text', async () => {
  await save(bot.store, guildId, 'Frame')
  const message = await list(stranger)
  assert.equal(
    textOf(message),
    [
      'One difference is saved here. Use one with `/apply-diff`.',
      `**Frame**\nby <@${owner.id}> <t:1767312000:R>\n-# model \`emoji\` · learned well`,
    ].join('\n'),
  )
  const [thumbnail] = thumbnails(message)
  assert.equal(thumbnail!.description, 'A: a cat. A′: a cat, framed')
  assert.deepEqual(
    message.files.map(({ name, bytes }) => [name, ...bytes]),
    [['pair-0.png', 3]],
  )
  assert.deepEqual(message.pings, [])
})

test('a hundred are thirteen pages, through which one goes there and back', async () => {
  for (let index = 1; index <= 100; index++) {
    await save(bot.store, guildId, `Number ${index}`, { pictures: { pair: png(index) } })
  }
  const message = await list()
  assert.match(textOf(message), /^100 differences are saved here, page 1 of 13\./)
  assert.deepEqual(buttonsOf(message), ['Back (off)', 'Next'])
  const seen = [...names(message)]
  for (let page = 2; page <= 13; page++) {
    await turned(bot.discord.press(message, 'Next'))
    seen.push(...names(message))
    assert.deepEqual(message.files.length, thumbnails(message).length, 'the pictures of the page before are gone')
  }
  assert.deepEqual(
    seen,
    Array.from({ length: 100 }, (_, index) => `Number ${index + 1}`),
  )
  assert.deepEqual(buttonsOf(message), ['Back', 'Next (off)'])
  assert.deepEqual([...message.files[0]!.bytes], [97])
  await turned(bot.discord.press(message, 'Back'))
  assert.match(textOf(message), /page 12 of 13/)
})

test('a page that is no longer there is the last one; none is the word of the empty list', async () => {
  for (let index = 1; index <= 9; index++) await save(bot.store, guildId, `Number ${index}`)
  const message = await list()
  await turned(bot.discord.press(message, 'Next'))
  await bot.store.differences.remove(guildId, 'Number 1')
  await turned(bot.discord.press(message, 'Back'))
  assert.match(textOf(message), /^8 differences are saved here\./)
  assert.deepEqual(buttonsOf(message), [])
  await bot.store.forget(guildId)
  await turned(bot.discord.press(forgedButton(message, 'diffs-page:1'), 'Forged'))
  assert.match(textOf(message), /^No difference is saved here yet/)
})

test('whatever page a custom_id names, it is answered with one', async () => {
  for (let index = 1; index <= 20; index++) await save(bot.store, guildId, `Number ${index}`)
  const message = await list()
  for (const [given, page] of [
    ['-1', 1],
    ['99999999999999999999', 3],
    ['1e9', 2],
    ['NaN', 1],
    ['', 1],
    ['2:3', 3],
    ['__proto__', 1],
  ] as const) {
    const shown = await turned(bot.discord.press(forgedButton(message, `diffs-page:${given}`), 'Forged'))
    assert.match(textOf(shown), new RegExp(`page ${page} of 3`), given)
  }
})

test('a public message is never turned into a list; who pressed gets one', async () => {
  await save(bot.store, guildId, 'Frame')
  const message = bot.discord.post({ content: 'hello' })
  const shown = await answerTo(bot.discord.press(forgedButton(message, 'diffs-page:0'), 'Forged'))
  assert.deepEqual(names(shown), ['Frame'])
  assert.equal(message.content, 'hello')
})

test('no server sees the differences of another, direct messages only their own', async () => {
  await save(bot.store, guildId, 'Ours')
  await save(bot.store, otherGuildId, 'Theirs')
  await save(bot.store, `@${owner.id}`, 'Mine')
  assert.deepEqual(names(await list()), ['Ours'])
  assert.deepEqual(names(await list({ ...owner, channelId: otherChannelId })), ['Theirs'])
  assert.deepEqual(names(await list(outsider)), ['Theirs'])
  assert.deepEqual(names(await list({ ...owner, isDirect: true })), ['Mine'])
  assert.match(textOf(await list({ ...stranger, isDirect: true })), /^No difference/)
})

test('names with Markdown, emoji and Hebrew are shown as they are, each on a line of its own', async () => {
  for (const name of ['_under_ __line__', 'שלום עולם', '🎉🎉', '- 1. _']) await save(bot.store, guildId, name)
  const text = textOf(await list())
  for (const line of ['**\\_under\\_ \\_\\_line\\_\\_**', '**שלום עולם**', '**🎉🎉**']) {
    assert.ok(text.split('\n').includes(line), `${line} in ${text}`)
  }
})

test('eight of the longest names with the longest captions and pictures missing here and there fit a message', async () => {
  const caption = { a: '🎉'.repeat(500), a2: '_'.repeat(1000) }
  for (let index = 0; index < 8; index++) {
    await save(bot.store, guildId, `${'_🎉'.repeat(15)}${index}`, {
      facts: { model: '*'.repeat(1000), mode: 'fast', seed: 2 ** 32 - 1, caption },
      pictures: index % 3 === 0 ? {} : { pair: png(index) },
    })
  }
  const message = await list()
  assert.equal(thumbnails(message).length, 5)
  assert.ok(thumbnails(message).every(({ description }) => description!.length <= 1024))
})

test('choosing one from the menu shows it', async () => {
  await save(bot.store, guildId, 'Frame')
  await save(bot.store, guildId, 'Smile')
  const message = await list()
  const shown = await answerTo(bot.discord.choose(message, ['Smile']))
  assert.match(textOf(shown), /^\*\*Smile\*\*/)
  assert.match(textOf(message), /\*\*Frame\*\*/, 'the list stays')
})

test('where pictures are for age-restricted channels, so is the list', async () => {
  await save(bot.store, guildId, 'Frame')
  await bot.store.settings.change(guildId, { ageRestrictedOnly: true })
  assert.match(textOf(await list()), /^On this server I show pictures only in age-restricted channels/)
  assert.deepEqual(names(await list({ ...owner, channelId: ageRestrictedChannelId })), ['Frame'])
})
