import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type Bot, startBot } from '../../loopback/bot.ts'
import {
  admin,
  ageRestrictedChannelId,
  galleryOf,
  guildId,
  otherGuildId,
  outsider,
  owner,
  stranger,
  textOf,
  until,
} from '../../loopback/discord.ts'
import { answerTo, buttonsOf, save } from '../whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot()
})
after(() => bot.close())
beforeEach(async () => {
  await bot.store.forget(guildId)
  await bot.store.forget(otherGuildId)
  await save(bot.store, guildId, 'Frame', {
    facts: {
      model: 'emoji',
      mode: 'fast',
      seed: 7,
      steps: 120,
      fit: 0.834,
      verdict: 'well',
      strength: 1.256,
      pairs: 2,
      version: '0.1.0',
      caption: { a: 'a cat', a2: 'a cat, framed' },
    },
  })
})

const show = (name: string, who = owner) => answerTo(bot.discord.slash('diffs show', { name }, who))

test('all that is known: who, when, captions, how it was learned, A, A′ and the learning curve', async () => {
  const message = await show('frame', stranger)
  assert.equal(
    textOf(message),
    [
      '**Frame**',
      `by <@${owner.id}> <t:1767312000:R>`,
      'From `a cat` to `a cat, framed`',
      '-# model `emoji` · mode fast · seed 7 · 120 steps · 2 pairs · learned well · strength 1.26 · isto `0.1.0`',
    ].join('\n'),
  )
  assert.deepEqual(galleryOf(message), [
    { name: 'a.png', alt: 'A: a cat' },
    { name: 'a2.png', alt: 'A′: a cat, framed' },
    { name: 'loss.png', alt: 'The learning curve: the loss, step by step' },
  ])
  assert.deepEqual(
    message.files.map(({ bytes }) => [...bytes]),
    [[1], [2], [4]],
  )
})

test('what may be done with it has a button, for each by their rights', async () => {
  assert.deepEqual(buttonsOf(await show('Frame', owner)), ['Export', 'Rename', 'Delete'])
  assert.deepEqual(buttonsOf(await show('Frame', admin)), ['Export', 'Rename', 'Delete'])
  assert.deepEqual(buttonsOf(await show('Frame', stranger)), ['Export'])
  await bot.store.settings.change(guildId, { savers: 'managers' })
  assert.deepEqual(buttonsOf(await show('Frame', owner)), ['Export'])
  assert.deepEqual(buttonsOf(await show('Frame', admin)), ['Export', 'Rename', 'Delete'])
})

test('a name that is not there, or on another server only, is a sentence', async () => {
  await save(bot.store, otherGuildId, 'Theirs')
  for (const name of ['Nothing', 'Theirs', '__proto__', '](https://example.com)']) {
    assert.match(textOf(await show(name)), /^No difference \*\*.+\*\* is saved here, and none among your own/)
  }
  assert.match(textOf(await show('Theirs', outsider)), /^\*\*Theirs\*\*/)
})

test('an imported one has no pictures, and nothing that its file says is formatted, linked or mentioned', async () => {
  const hostile = `\`x\`\n# <@${stranger.id}> [free](https://example.com) \u202E@everyone`
  await save(bot.store, guildId, 'Foreign', {
    facts: {
      model: hostile,
      mode: 'fast',
      seed: 0,
      version: hostile,
      caption: { a: hostile, a2: hostile.repeat(100) },
    },
    pictures: {},
  })
  const message = await show('Foreign')
  assert.deepEqual(galleryOf(message), [])
  const outside = textOf(message).replaceAll(/`[^`\n]*`/g, '')
  assert.ok(!/free|@everyone|x\b/.test(outside), outside)
  assert.ok(!outside.includes(stranger.id))
  assert.ok(!textOf(message).includes('\u202E'))
  assert.equal(textOf(message).split('\n').length, 4)
  assert.deepEqual(message.pings, [])
})

test('where pictures are for age-restricted channels, so are the details', async () => {
  await bot.store.settings.change(guildId, { ageRestrictedOnly: true })
  assert.match(textOf(await show('Frame')), /^On this server I show pictures only in age-restricted channels/)
  assert.match(textOf(await show('Frame', { ...owner, channelId: ageRestrictedChannelId })), /^\*\*Frame\*\*/)
})

test('names are suggested as they are typed, of this server only', async () => {
  await save(bot.store, guildId, 'Big frame')
  await save(bot.store, otherGuildId, 'Frame of theirs')
  for (const subcommand of ['show', 'rename', 'delete', 'export']) {
    const interaction = bot.discord.complete(`diffs ${subcommand}`, 'name', 'FRA')
    await until(() => interaction.choices, 'choices')
    assert.deepEqual(
      interaction.choices?.map(({ value }) => value),
      ['Frame', 'Big frame'],
    )
  }
})
