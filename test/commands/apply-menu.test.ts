import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import type { ApplyJob } from '../../src/jobs/protocol.ts'
import { type Bot, startBot } from '../loopback/bot.ts'
import {
  ageRestrictedChannelId,
  galleryOf,
  guildId,
  type Interaction,
  type Message,
  otherGuildId,
  outsider,
  owner,
  stranger,
  textOf,
  until,
} from '../loopback/discord.ts'
import { flatten } from '../loopback/rules.ts'
import { buttonsOf, choicesOf, forgedButton, privateAnswer, resultOf, savedAs, whisperOf } from './whispers.ts'

const dataDirectory = mkdtempSync(join(tmpdir(), 'isto-'))
let bot: Bot
before(async () => {
  bot = await startBot({ models: ['emoji', 'sd15'], dataDirectory })
})
after(() => bot.close())
afterEach(async () => {
  for (const scope of [guildId, otherGuildId, `@${owner.id}`]) await bot.store.forget(scope)
})

const menuName = 'Apply a difference'
const attach = (byte: number, claims = {}) => bot.discord.attach(Uint8Array.of(byte), claims)
const put = (name: string, change = {}, scope = guildId) => bot.store.differences.save(scope, savedAs(name, change))
const open = (message: Message, who = owner) => privateAnswer(bot.discord.menu(menuName, message, who))
const labelsOf = (message: Message) => choicesOf(message).map(({ label }) => label)

/** The private message as it is after `used`. */
async function turned(message: Message, use: () => Interaction): Promise<Message> {
  const { edits } = message
  use()
  await until(() => message.edits > edits, 'another page')
  return message
}

/** Chooses a difference, and ends the job that comes of it. */
async function choose(asked: Message, name: string): Promise<{ job: ApplyJob; message: Message }> {
  const chosen = bot.discord.choose(asked, [name])
  const { job, done } = await bot.work()
  assert.ok(job.kind === 'apply')
  done()
  return { job, message: await resultOf(chosen) }
}

test('the picture of a message gets a difference, chosen in private, and the result is public', async () => {
  const pairs = [{ a: Uint8Array.of(1), a2: Uint8Array.of(2) }]
  await put('_framed_', { pairs })
  await put('שלום 🎄')
  await put('theirs', {}, otherGuildId)
  await put('direct', {}, `@${owner.id}`)
  const message = bot.discord.post({ content: 'look', attachments: [attach(9)] })
  const asked = await open(message)
  assert.match(textOf(asked), /^Which difference\?$/)
  assert.deepEqual(labelsOf(asked), ['_framed_', 'שלום 🎄', 'direct (yours)'])
  assert.deepEqual(buttonsOf(asked), [])
  assert.deepEqual(
    galleryOf(asked).map(({ name, alt }) => [new URL(name).pathname.split('/').at(-1), alt]),
    [['picture.png', 'picture.png']],
  )

  const { job, message: result } = await choose(asked, '_framed_')
  assert.deepEqual([...job.image], [9])
  assert.deepEqual([job.differences[0]?.strength, job.options.preserve, job.options.model], [1.25, 0.5, 'emoji'])
  assert.match(textOf(result), /^\*\*\\_framed\\_\*\* applied to \*\*B\*\*/)
  const source = `https://discord.com/channels/${guildId}/${message.channelId}/${message.id}`
  assert.ok(textOf(result).includes(`Asked for by <@${owner.id}>, from ${source}`))
  assert.deepEqual(
    result.files.map(({ bytes }) => bytes[0]),
    [1, 2, 9, 4],
  )
  // The menu is still there for another one.
  const { job: second } = await choose(asked, 'שלום 🎄')
  assert.deepEqual([...second.image], [9])
})

test('of several pictures one is chosen first: attachments, galleries, previews of links, each once', async () => {
  await put('one')
  const [copy, thumbnail, inGallery] = [attach(3).url, attach(4).url, attach(5).url]
  const message = bot.discord.post({
    attachments: [
      attach(1, { filename: 'first.png' }),
      attach(0, { filename: 'notes.txt', content_type: 'text/plain' }),
      attach(0, { filename: 'film.mp4', content_type: 'video/mp4' }),
      attach(2, { filename: 'second.webp', content_type: 'image/webp' }),
    ],
    embeds: [
      { type: 'rich', title: 'A link', image: { url: 'https://example.com/x.png', proxy_url: copy } },
      { type: 'image', url: 'https://example.com/y.png', thumbnail: { url: thumbnail } },
      { type: 'image', thumbnail: { url: thumbnail.replace(/hm=/, 'hm=other') } },
      { type: 'article', title: 'No picture' },
    ],
    components: [
      {
        type: 17,
        components: [
          { type: 12, items: [{ media: { url: inGallery }, description: 'In a gallery' }] },
          { type: 9, components: [{ type: 10, content: 'x' }], accessory: { type: 11, media: { url: inGallery } } },
        ],
      },
    ],
  })
  const asked = await open(message)
  assert.equal(textOf(asked), 'Which picture?')
  assert.deepEqual(
    choicesOf(asked).map(({ label, description }) => [label, description]),
    [
      ['Picture 1', 'first.png'],
      ['Picture 2', 'second.webp'],
      ['Picture 3', 'In a gallery'],
      ['Picture 4', 'A link'],
      ['Picture 5', 'The picture of a link'],
    ],
  )
  assert.equal(galleryOf(asked).length, 5)
  await turned(asked, () => bot.discord.choose(asked, ['3']))
  assert.equal(textOf(asked), 'Which difference?')
  assert.equal(galleryOf(asked).length, 1)
  const { job } = await choose(asked, 'one')
  assert.deepEqual([...job.image], [3])
})

test('a result of ours can be changed once more', async () => {
  await put('twice')
  const message = bot.discord.post({ attachments: [attach(9)] })
  const { message: result } = await choose(await open(message), 'twice')
  const asked = await open(result, stranger)
  assert.deepEqual(
    choicesOf(asked).map(({ description }) => description),
    ['B: the picture to change', 'B′: the picture to change, with twice applied'],
  )
  await turned(asked, () => bot.discord.choose(asked, ['1'], stranger))
  const chosen = bot.discord.choose(asked, ['twice'], stranger)
  const { job, done } = await bot.work()
  assert.deepEqual(job.kind === 'apply' && [...job.image], [4])
  done()
  await resultOf(chosen)
})

test('more differences than a menu holds are on pages', async () => {
  for (let index = 0; index < 60; index++) await put(`Number ${index}`)
  const asked = await open(bot.discord.post({ attachments: [attach(9)] }))
  assert.equal(labelsOf(asked).length, 25)
  assert.deepEqual(buttonsOf(asked), ['Back (off)', 'Next'])
  await turned(asked, () => bot.discord.press(asked, 'Next'))
  assert.deepEqual([labelsOf(asked)[0], labelsOf(asked).at(-1)], ['Number 25', 'Number 49'])
  await turned(asked, () => bot.discord.press(asked, 'Next'))
  assert.deepEqual([labelsOf(asked)[0], labelsOf(asked).at(-1)], ['Number 50', 'Number 59'])
  assert.throws(() => bot.discord.press(asked, 'Next'), /disabled/)
  await turned(asked, () => bot.discord.press(asked, 'Back'))
  const { job } = await choose(asked, 'Number 30')
  assert.deepEqual([...job.image], [9])
})

test('an open menu still works after a restart, whatever became of the message', async () => {
  await put('lasting')
  const message = bot.discord.post({ attachments: [attach(9)] })
  const asked = await open(message)
  message.isDeleted = true
  await bot.stop()
  bot = await startBot({ models: ['emoji', 'sd15'], discord: bot.discord, dataDirectory })
  const { job } = await choose(asked, 'lasting')
  assert.deepEqual([...job.image], [9])
})

test('a picture that Discord no longer gives out is told', async () => {
  await put('late')
  const asked = await open(bot.discord.post({ attachments: [attach(9)] }))
  bot.discord.advance(25 * 60 * 60_000)
  const chosen = bot.discord.choose(asked, ['late'])
  assert.match(await whisperOf(chosen), /^The picture could not be downloaded from Discord; please send it again\.$/)
})

test('a picture of another host is never fetched', async () => {
  await put('far')
  const image = { url: 'http://169.254.169.254/latest/meta-data', proxy_url: 'http://localhost:1/x.png' }
  const asked = await open(bot.discord.post({ embeds: [{ type: 'rich', image }] }))
  assert.match(await whisperOf(bot.discord.choose(asked, ['far'])), /^The picture is on a host I may not download from/)
})

test('a message without a picture, and a server without differences, are told to the person alone', async () => {
  const text = bot.discord.post({ content: 'words', attachments: [attach(1, { content_type: 'text/plain' })] })
  assert.equal(await whisperOf(bot.discord.menu(menuName, text)), 'That message has no picture that I can read.')
  const message = bot.discord.post({ attachments: [attach(9)] })
  await put('theirs', {}, otherGuildId)
  assert.match(await whisperOf(bot.discord.menu(menuName, message)), /^No differences are saved here yet/)
})

test('where the server lets nothing be made the menu does not open, nor does an open one do anything', async () => {
  await put('one')
  const message = bot.discord.post({ attachments: [attach(9)] })
  const asked = await open(message)
  await bot.store.settings.change(guildId, { channels: [ageRestrictedChannelId] })
  assert.match(await whisperOf(bot.discord.menu(menuName, message)), /please ask there/)
  assert.match(await whisperOf(bot.discord.choose(asked, ['one'])), /please ask there/)
})

test('a difference that went, or is of another model, is told', async () => {
  await put('gone')
  await put('afar', {
    facts: { ...savedAs('').facts, model: 'sd15' },
    pairs: [{ a: Uint8Array.of(1), a2: Uint8Array.of(2) }],
  })
  const asked = await open(bot.discord.post({ attachments: [attach(9)] }))
  await bot.store.differences.remove(guildId, 'gone')
  assert.match(await whisperOf(bot.discord.choose(asked, ['gone'])), /^No difference \*\*gone\*\* is saved here/)
  const refused = bot.discord.choose(asked, ['afar'])
  assert.match(await whisperOf(refused), /^\*\*afar\*\* was learned on the model \*\*sd15\*\*/)
  assert.deepEqual(buttonsOf(refused.followUps.at(-1) ?? refused.message!), ['Learn it again on this model'])
})

test('what a hostile app claims is looked up again, or does nothing', async () => {
  await put('one')
  await put('theirs', {}, otherGuildId)
  const asked = await open(bot.discord.post({ attachments: [attach(9)] }))
  const alone = await open(bot.discord.post({ attachments: [attach(1), attach(2)] }))
  const pretend = (message: Message, values: string[]) => ({
    ...message,
    components: message.components.map((row) => ({
      ...row,
      components: row.components?.map((one) => ({ ...one, options: values.map((value) => ({ label: 'x', value })) })),
    })),
  })
  for (const name of ['theirs', 'no such', '../../x', '__proto__']) {
    assert.match(await whisperOf(bot.discord.choose(pretend(asked, [name]), [name])), /^No difference \*\*/)
  }
  for (const index of ['9', '-1', 'x', '__proto__', '1.5']) {
    const chosen = bot.discord.choose(pretend(alone, [index]), [index])
    assert.match(await whisperOf(chosen), /^That menu no longer works/)
  }
  const bare = forgedButton(asked, 'menu-page:1')
  for (const id of ['menu-page:1', 'menu-page:x', 'menu-picture', 'menu-difference', 'menu-difference:one']) {
    const pressed = bot.discord.press(forgedButton(bare, id), 'Forged')
    assert.match(await whisperOf(pressed), /^That menu no longer works/)
  }
})

test('in direct messages a person has their own', async () => {
  await put('direct', { bytes: Uint8Array.of(3) }, `@${owner.id}`)
  await put('public')
  const direct = { ...owner, isDirect: true }
  const message = bot.discord.post({ by: owner, attachments: [attach(9)] }, direct)
  const asked = await open(message, direct)
  assert.deepEqual(labelsOf(asked), ['direct'])
  const { job } = await choose(asked, 'direct')
  assert.deepEqual([...job.differences[0]!.bytes], [3])
  const theirs = bot.discord.post({ by: outsider, attachments: [attach(9)] })
  assert.match(await whisperOf(bot.discord.menu(menuName, theirs, outsider)), /^No differences are saved here yet/)
})

test('alt text and menus stay within what Discord takes', async () => {
  await put('x'.repeat(32))
  const [long, short] = [attach(1, { filename: `${'n'.repeat(200)}.png` }), attach(2)]
  const asked = await open(
    bot.discord.post({ attachments: [long, short, ...Array.from({ length: 12 }, (_, n) => attach(n))] }),
  )
  assert.equal(choicesOf(asked).length, 10)
  assert.ok(
    flatten(asked.components).every(({ options = [] }) =>
      options.every((one) => (one.description ?? '').length <= 100),
    ),
  )
})

test('the log holds no fault', () => {
  assert.deepEqual(
    bot.log.filter((line) => !/UserError: The picture could not be downloaded/.test(line)),
    [],
  )
})
