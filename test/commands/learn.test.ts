import assert from 'node:assert/strict'
import { after, afterEach, before, test } from 'node:test'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  type Attachment,
  admin,
  ageRestrictedChannelId,
  guildId,
  type Interaction,
  otherGuildId,
  outsider,
  owner,
  type Person,
  stranger,
  textOf,
} from '../loopback/discord.ts'
import { EPHEMERAL, flatten } from '../loopback/rules.ts'
import { forgedButton, forgedForm, formOf, resultOf, savedAs, unset, whisperOf } from './whispers.ts'

let bot: Bot
before(async () => {
  bot = await startBot({ limitBytes: 1000 })
})
after(() => bot.close())
afterEach(() => unset(bot.store))

const attach = (byte: number, claims = {}) => bot.discord.attach(Uint8Array.of(byte), claims)
const open = (name: string, who: Person = owner) => formOf(bot.discord.slash('learn', { name }, who))
const send = (form: Interaction, before: readonly Attachment[], after: readonly Attachment[]) =>
  bot.discord.submit(form, { before, after })

test('two fields of one to five pictures become one difference, learned from all pairs and saved', async () => {
  const form = await open(' Zum_Winter ❄️ ')
  assert.equal(form.form!.custom_id, 'learn:Zum_Winter ❄️')
  const fields = flatten(form.form!.components).flatMap(({ component }) => component ?? [])
  assert.deepEqual(
    fields.map(({ type, custom_id, min_values, max_values, file_types }) => [
      type,
      custom_id,
      min_values,
      max_values,
      file_types?.join(),
    ]),
    [
      [19, 'before', 1, 5, 'image'],
      [19, 'after', 1, 5, 'image'],
    ],
  )

  const sent = send(form, [attach(1), attach(2)], [attach(11), attach(12)])
  const { job, done } = await bot.work()
  assert.equal(job.kind, 'learn')
  assert.deepEqual(job.kind === 'learn' && job.pairs.map(({ a, a2 }) => [a[0], a2[0]]), [
    [1, 11],
    [2, 12],
  ])
  assert.deepEqual(
    { ...job.options, seed: 0 },
    { model: 'emoji', mode: 'fast', seed: 0, strength: undefined, requiresSafetyCheck: true },
  )
  done({
    difference: Uint8Array.of(1, 2, 3),
    pictures: { pair: Uint8Array.of(42) },
    report: {
      model: 'emoji',
      mode: 'fast',
      seed: 3,
      seconds: {},
      peakRssBytes: 0,
      version: '1',
      pairs: 2,
      fit: 0.714,
      verdict: 'partly',
      caption: { a: 'a tree', a2: 'a white tree' },
    },
  })
  const message = await resultOf(sent)
  assert.equal(textOf(message), 'Learned and saved **Zum\\_Winter ❄️**: use it with `/apply-diff`.\n-# partly learned')
  assert.deepEqual(
    message.files.map(({ name, alt, bytes }) => [name, alt, bytes[0]]),
    [['pair.png', 'A: a tree. A′: a white tree', 42]],
  )
  assert.deepEqual(message.pings, [])
  const saved = await bot.store.differences.get(guildId, 'zum_winter ❄️')
  assert.equal(saved?.name, 'Zum_Winter ❄️')
  assert.equal(saved.person, owner.id)
  assert.deepEqual([...saved.bytes], [1, 2, 3])
  assert.deepEqual(
    saved.pairs?.map(({ a, a2 }) => [a[0], a2[0]]),
    [
      [1, 11],
      [2, 12],
    ],
  )
  assert.deepEqual([saved.facts.fit, saved.facts.pairs, saved.facts.caption?.a2], [0.714, 2, 'a white tree'])
  assert.equal(await bot.store.differences.get(otherGuildId, 'zum_winter ❄️'), undefined)
})

test('the pictures are not kept where the settings say so, and the server’s model and strength are used', async () => {
  await bot.store.settings.change(guildId, { keepPairs: false, strength: 1.5 })
  const sent = send(await open('forgetful'), [attach(1)], [attach(2)])
  const { job, done } = await bot.work()
  assert.equal(job.options.strength, 1.5)
  done({ difference: Uint8Array.of(4) })
  await resultOf(sent)
  assert.equal((await bot.store.differences.get(guildId, 'forgetful'))?.pairs, undefined)
})

test('in direct messages a person learns for themselves', async () => {
  const sent = send(await open('mine', { ...owner, isDirect: true }), [attach(1)], [attach(2)])
  const { done } = await bot.work()
  done()
  await resultOf(sent)
  assert.equal((await bot.store.differences.get(`@${owner.id}`, 'mine'))?.person, owner.id)
  assert.equal(await bot.store.differences.get(guildId, 'mine'), undefined)
})

const badNames: [string, string, RegExp][] = [
  ['of spaces', '   ', /^A name needs/],
  ['that turns the text around', 'a\u202eb', /^A name is made of letters/],
  ['with a mention', '<@400000000000000002>', /^A name is made of letters/],
  ['of 33 letters', 'x'.repeat(33), /^A name has at most 32 characters/],
  ['of a path', '../../etc/passwd', /^A name is made of letters/],
]
for (const [what, name, sentence] of badNames) {
  test(`a name ${what} opens no form`, async () => {
    const interaction = bot.discord.slash('learn', { name })
    assert.match(await whisperOf(interaction), sentence)
    assert.equal(interaction.form, undefined)
  })
}

test('a taken name opens no form, and it is said who has it', async () => {
  await bot.store.differences.save(guildId, savedAs('Größe _und_ mehr', { person: stranger.id }))
  const interaction = bot.discord.slash('learn', { name: 'GRÖSSE _UND_ MEHR' })
  const sentence = await whisperOf(interaction)
  assert.equal(
    sentence,
    `<@${stranger.id}> has saved a difference as **Größe \\_und\\_ mehr**; please choose another name.`,
  )
  assert.deepEqual(interaction.message!.notified, [])
})

test('a name of another server is free and stays unknown', async () => {
  await bot.store.differences.save(otherGuildId, savedAs('elsewhere', { person: outsider.id }))
  await open('elsewhere')
})

test('where only managers save, others are told so before the form, and after it', async () => {
  const early = await open('managed', stranger)
  await bot.store.settings.change(guildId, { savers: 'managers' })
  assert.match(await whisperOf(bot.discord.slash('learn', { name: 'managed' }, stranger)), /only those who manage it/)
  assert.match(await whisperOf(send(early, [attach(1)], [attach(2)])), /only those who manage it/)
  const sent = send(await open('managed', admin), [attach(1)], [attach(2)])
  const { done } = await bot.work()
  done()
  await resultOf(sent)
  assert.equal((await bot.store.differences.get(guildId, 'managed'))?.person, admin.id)
})

test('a server that is full is told so before anything is learned', async () => {
  const { length } = await bot.store.differences.list(guildId)
  await bot.store.settings.change(guildId, { limit: length })
  const sentence = await whisperOf(bot.discord.slash('learn', { name: 'one more' }))
  assert.equal(sentence, `${length} differences are saved here, and that is the limit; \`/diffs delete\` makes room.`)
})

test('where the server lets nothing be made, no form opens', async () => {
  await bot.store.settings.change(guildId, { channels: [ageRestrictedChannelId] })
  assert.match(await whisperOf(bot.discord.slash('learn', { name: 'place' })), /please ask there/)
  await open('place', { ...owner, channelId: ageRestrictedChannelId })
})

const badForms: [string, () => [Attachment[], Attachment[]], RegExp][] = [
  [
    'unequal counts',
    () => [[attach(1), attach(2)], [attach(3)]],
    /^There are 2 pictures before and 1 after; please send as many of each, in the same order\.$/,
  ],
  [
    'a text among them',
    () => [
      [attach(1), attach(2)],
      [attach(3), attach(4, { content_type: 'text/plain' })],
    ],
    /^Picture 2 after is not a type of picture I can read/,
  ],
  ['a large picture', () => [[attach(1, { size: 20_000_000 })], [attach(2)]], /^Picture before is too large/],
  [
    'a picture larger than claimed',
    () => [[attach(1)], [bot.discord.attach(new Uint8Array(1001))]],
    /^Picture after is too large/,
  ],
  [
    'large pictures together',
    () => [
      [1, 2].map((byte) => attach(byte, { size: 9_000_000 })),
      [3, 4].map((byte) => attach(byte, { size: 9_000_000 })),
    ],
    /^The pictures are too large together; please send at most 25 MB\.$/,
  ],
  [
    'a pair of the same picture',
    () => [
      [attach(1), attach(2)],
      [attach(3), attach(2)],
    ],
    /^Picture 2 before and picture 2 after are the same, so there is no difference to learn\.$/,
  ],
  [
    'the same picture in two pairs',
    () => [
      [attach(1), attach(1)],
      [attach(3), attach(4)],
    ],
    /^Picture 1 before and picture 2 before are the same, so please send each only once\.$/,
  ],
  [
    'a foreign host',
    () => [[attach(1, { url: 'http://169.254.169.254/x.png' })], [attach(2)]],
    /is on a host I may not/,
  ],
]
for (const [what, pictures, sentence] of badForms) {
  test(`a form with ${what} is answered with a sentence to the person alone`, async () => {
    const sent = send(await open('refused'), ...pictures())
    assert.match(await whisperOf(sent), sentence)
    assert.ok([sent.message, ...sent.followUps].every((one) => one!.isDeleted || one!.flags & EPHEMERAL))
    assert.equal(await bot.store.differences.get(guildId, 'refused'), undefined)
  })
}

test('a name that went while the form was open, or is being learned, is refused before anything is learned', async () => {
  const [first, second, third] = [await open('wanted'), await open('Wanted', stranger), await open('WANTED')]
  const sent = send(first, [attach(1)], [attach(2)])
  const { done } = await bot.work()
  assert.match(await whisperOf(send(second, [attach(3)], [attach(4)])), /^\*\*Wanted\*\* is being learned right now/)
  done()
  await resultOf(sent)
  assert.match(await whisperOf(send(third, [attach(3)], [attach(4)])), /has saved a difference as \*\*wanted\*\*/)
})

for (const argument of ['', ':', 'a\u202eb', '../../x', `${'x'.repeat(90)}`]) {
  test(`a form that claims the name “${encodeURIComponent(argument)}” is refused`, async () => {
    const form = forgedForm(await open('honest'), `learn:${argument}`)
    assert.match(await whisperOf(send(form, [attach(1)], [attach(2)])), /^A name /)
  })
}

test('a button that pretends to be the form is refused', async () => {
  const message = bot.discord.post({ by: owner })
  assert.match(await whisperOf(bot.discord.press(forgedButton(message, 'learn:x'), 'Forged')), /^Please start with/)
})

test('the log holds no fault', () => {
  assert.deepEqual(
    bot.log.filter((line) => /Error/.test(line) && !line.includes('UserError')),
    [],
  )
})
