import assert from 'node:assert/strict'
import { after, before, beforeEach, test } from 'node:test'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  admin,
  ageRestrictedChannelId,
  channelId,
  guildId,
  moderator,
  otherChannelId,
  otherGuildId,
  owner,
  type Person,
  stranger,
  textOf,
  until,
} from '../loopback/discord.ts'
import { flatten } from '../loopback/rules.ts'
import { answerTo, forgedButton, png, turned } from './whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot({ models: ['emoji', 'other'] })
})
after(() => bot.close())
beforeEach(async () => {
  await bot.store.forget(guildId)
  await bot.store.forget(otherGuildId)
})

type Options = Parameters<Bot['discord']['slash']>[1]
const settings = (subcommand: string, options: Options = {}, who: Person = admin) =>
  answerTo(bot.discord.slash(`settings ${subcommand}`, options, who))
const linesOf = async (...given: Parameters<typeof settings>) => textOf(await settings(...given)).split('\n')

const atFirst = [
  '**How I work on this server**',
  'Model: `emoji`, the default, unless asked otherwise.',
  'Strength: chosen for each difference, unless asked otherwise.',
  'Saving, renaming and deleting differences: everyone, their own.',
  'Saved differences: at most 100.',
  'Channels: all.',
  'Age-restricted channels only: no.',
  'Jobs of one person at a time: at most 5.',
  'Jobs are noted in: no channel.',
  'Pictures that a saved difference was learned from: kept, so that it can be learned again.',
  '-# `/settings change`, `/settings channels`, `/settings role-limit`, `/settings audit`, `/settings block` and `/settings reset` change them.',
]

test('all settings in plain words', async () => {
  assert.deepEqual(await linesOf('show'), atFirst)
})

test('several are changed at once, the answer shows them all, and the others stay', async () => {
  const lines = await linesOf('change', {
    model: 'other',
    strength: -1.5,
    savers: 'managers',
    'person-limit': 2,
    'saved-limit': 30,
    'age-restricted-only': true,
    'keep-pairs': false,
  })
  const changed = [
    'Model: `other`, unless asked otherwise.',
    'Strength: -1.5, unless asked otherwise.',
    'Saving, renaming and deleting differences: only those who manage this server.',
    'Saved differences: at most 30.',
    'Channels: all.',
    'Age-restricted channels only: yes.',
    'Jobs of one person at a time: at most 2.',
    'Jobs are noted in: no channel.',
    'Pictures that a saved difference was learned from: not kept.',
  ]
  assert.deepEqual(lines.slice(1, -1), changed)
  assert.deepEqual((await linesOf('change', { strength: 0, 'keep-pairs': true })).slice(1, -1), [
    changed[0],
    'Strength: 0, unless asked otherwise.',
    ...changed.slice(2, 8),
    atFirst[9],
  ])
  const elsewhere = { ...admin, channelId: otherChannelId }
  assert.deepEqual(await linesOf('show', {}, elsewhere), atFirst)
})

test('one is taken back to what it was, or all are', async () => {
  await bot.store.settings.change(guildId, { model: 'other', strength: 2, channels: [channelId], personLimit: 1 })
  const withoutStrength = await linesOf('reset', { setting: 'strength' })
  assert.equal(withoutStrength[2], atFirst[2])
  assert.equal(withoutStrength[1], 'Model: `other`, unless asked otherwise.')
  assert.deepEqual(await linesOf('reset', { setting: 'all' }), atFirst)
})

test('an unknown model and no change at all are a sentence; models are suggested', async () => {
  assert.match(textOf(await settings('change', { model: 'none' })), /^There is no model “none” here/)
  assert.match(textOf(await settings('change')), /^Please choose at least one setting/)
  const completion = bot.discord.complete('settings change', 'model', 'oth', { who: admin })
  await until(() => completion.choices, 'choices')
  assert.deepEqual(completion.choices, [{ name: 'other', value: 'other' }])
  await bot.store.settings.change(guildId, { model: 'gone' })
  assert.equal((await linesOf('show'))[1], 'Model: `gone`, which is no longer here.')
})

test('Discord hides the command from those without the right, and whoever calls it all the same gets a sentence', async () => {
  const command = bot.discord.commands().find(({ name }) => name === 'settings')
  const { default_member_permissions: hiddenFrom, contexts } = command as unknown as Record<string, unknown>
  assert.equal(hiddenFrom, String(1n << 5n))
  assert.deepEqual(contexts, [0])
  const calls: [string, Options][] = [
    ['show', {}] as [string, Options],
    ['change', { savers: 'everyone' }] as [string, Options],
    ['channels', {}] as [string, Options],
    ['reset', { setting: 'all' }] as [string, Options],
  ]
  for (const who of [owner, stranger, moderator]) {
    for (const [subcommand, options] of calls) {
      assert.match(textOf(await settings(subcommand, options, who)), /^Only those who manage this server/)
    }
  }
})

test('channels are chosen from a menu that shows those chosen before', async () => {
  const message = await settings('channels')
  assert.match(textOf(message), /None chosen means all/)
  const shown = await turned(bot.discord.choose(message, [channelId, ageRestrictedChannelId], admin))
  assert.ok(textOf(shown).includes(`Channels: <#${channelId}>, <#${ageRestrictedChannelId}>.`))

  const again = await settings('channels')
  const [menu] = flatten(again.components).filter(({ custom_id }) => custom_id === 'settings-channels')
  assert.deepEqual(
    (menu as unknown as { default_values: { id: string }[] }).default_values.map(({ id }) => id),
    [channelId, ageRestrictedChannelId],
  )
  assert.ok(textOf(await turned(bot.discord.choose(again, [], admin))).includes('Channels: all.'))
})

test('only a manager chooses them, and nothing but channels', async () => {
  const message = await settings('channels')
  for (const who of [stranger, moderator]) {
    const answer = await answerTo(bot.discord.choose(message, [otherChannelId], who))
    assert.match(textOf(answer), /^Only those who manage this server/)
  }
  const answer = await answerTo(bot.discord.press(forgedButton(message, 'settings-channels'), 'Forged', stranger))
  assert.match(textOf(answer), /^Only those who manage this server/)
  await turned(bot.discord.choose(message, ['everywhere', '1', channelId], admin))
  assert.deepEqual((await bot.store.settings.get(guildId)).channels, [channelId])
})

test('where pictures are made follows them at once', async () => {
  const ask = (who: Person) => {
    const pictures = ['a', 'a2', 'b'].map((name, index) => [name, bot.discord.attach(png(index))])
    return bot.discord.slash('analogy', Object.fromEntries(pictures), who)
  }
  const evening: Person = { ...owner, channelId: ageRestrictedChannelId }
  await turned(bot.discord.choose(await settings('channels'), [ageRestrictedChannelId], admin))
  assert.match(textOf(await answerTo(ask(owner))), new RegExp(`I make pictures only in <#${ageRestrictedChannelId}>`))
  const allowed = ask(evening)
  const { done } = await bot.work()
  done()
  await until(() => textOf(allowed.message!).startsWith('**A**'), 'the result')

  await settings('reset', { setting: 'channels' })
  await settings('change', { 'age-restricted-only': true })
  assert.match(textOf(await answerTo(ask(owner))), /^On this server I show pictures only in age-restricted channels/)
})

test('the limit per person follows as well', async () => {
  const ask = () => {
    const pictures = ['a', 'a2', 'b'].map((name, index) => [name, bot.discord.attach(png(index))])
    return bot.discord.slash('analogy', Object.fromEntries(pictures), owner)
  }
  await settings('change', { 'person-limit': 1 })
  const first = ask()
  const { done } = await bot.work()
  const second = ask()
  await until(() => second.followUps.length > 0, 'a refusal')
  assert.match(textOf(second.followUps[0]!), /^You have a job in the queue already, which is the limit for one person/)
  assert.ok(second.message!.isDeleted)
  done()
  await until(() => textOf(first.message!).startsWith('**A**'), 'the result')
})
