import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  admin,
  ageRestrictedChannelId,
  applicationId,
  channelId,
  foreignChannelId,
  galleryOf,
  groupChannelId,
  guildId,
  type Interaction,
  type Loopback,
  type Message,
  moderator,
  otherChannelId,
  otherGuildId,
  outsider,
  owner,
  startLoopback,
  stranger,
  textOf,
  unseenOf,
} from './discord.ts'
import { type Answer, type Data, openSession, type RawSession, type RequestOptions, request } from './raw.ts'
import { ApiError, COMPONENTS_V2, EPHEMERAL } from './rules.ts'

// The loopback refuses what Discord refuses; otherwise the tests on it would prove nothing.

let discord: Loopback
let session: RawSession
before(async () => {
  discord = await startLoopback()
  session = await openSession(discord)
  await session.seen('GUILD_CREATE')
})
after(async () => {
  session.drop()
  await discord.close()
})

const full = <Content = Data>(method: string, path: string, body?: unknown, options?: RequestOptions) =>
  request<Content>(discord, method, path, body, options)
/** Status and code of the answer. */
const ask = async (method: string, path: string, body?: unknown, options?: RequestOptions): Promise<string> =>
  (await full(method, path, body, options)).line

const answer = (interaction: Interaction, type: number, data?: unknown, query = '') =>
  full<Response>('POST', `interactions/${interaction.id}/${interaction.token}/callback${query}`, { type, data })
interface Response {
  readonly interaction: { readonly response_message_id?: string; readonly response_message_ephemeral?: boolean }
  readonly resource: { readonly type: number; readonly message?: Message }
}
const said = async (interaction: Interaction, type: number, data?: unknown) =>
  (await answer(interaction, type, data)).line
const webhook = ({ token }: Interaction, rest = '') => `webhooks/${applicationId}/${token}${rest}`
const edit = (interaction: Interaction, body: unknown, options?: RequestOptions) =>
  ask('PATCH', webhook(interaction, '/messages/@original'), body, options)
const post = (body: unknown, options?: RequestOptions, where = channelId) =>
  ask('POST', `channels/${where}/messages`, body, options)

const v2 = (...components: object[]) => ({ flags: COMPONENTS_V2, components })
const text = { type: 10, content: 'x' }
const row = (...components: object[]) => ({ type: 1, components })
const button = (more: object = {}) => ({ type: 2, style: 2, label: 'Press', custom_id: 'press', ...more })
const picture = new Uint8Array([1, 2, 3])
const gallery = (url: string, description?: string) => ({ type: 12, items: [{ media: { url }, description }] })

/** What the bot is told of it. */
const payloadOf = ({ id }: Interaction) => session.seen<Payload>('INTERACTION_CREATE', id)
interface Payload {
  readonly authorizing_integration_owners: Readonly<Record<string, string>>
  readonly guild_id?: string
  readonly channel: { readonly id: string; readonly nsfw?: boolean }
  readonly member?: { readonly permissions: string }
  readonly user?: { readonly id: string }
  readonly context: number
  readonly locale: string
  readonly app_permissions: string
  readonly attachment_size_limit: number
}

/** Posts a message as the bot. */
async function sent(body: unknown, options?: RequestOptions): Promise<Message> {
  const { data, line } = await full('POST', `channels/${channelId}/messages`, body, options)
  assert.equal(line, '200')
  return discord.messages.get(data.id)!
}

async function deferred(): Promise<Interaction> {
  const interaction = discord.slash('analogy', {})
  assert.equal(await said(interaction, 5), '204')
  return interaction
}

// ---- Answering ----

test('an interaction can be answered for 3 s, once', async () => {
  const interaction = await deferred()
  assert.equal(await said(interaction, 5), '400 40060')
  const late = discord.slash('analogy', {})
  discord.advance(3001)
  assert.equal(await said(late, 5), '404 10062')
  assert.equal(await said({ ...discord.slash('analogy', {}), token: 'token-1' }, 5), '404 10062')
})

test('an answer that is refused is none', async () => {
  const interaction = discord.slash('analogy', {})
  const before = discord.messages.size
  assert.equal(await said(interaction, 4, v2(button())), '400 50035')
  assert.equal(interaction.answeredAfter, undefined)
  assert.equal(discord.messages.size, before)
  assert.equal(await edit(interaction, { content: 'x' }), '404 10015')
  assert.equal(await said(interaction, 4, { content: 'x' }), '204')
})

test('each kind of interaction takes its own answers', async () => {
  const message = await sent({ ...v2(row(button())) })
  const form = { title: 'Form', custom_id: 'form', components: [text] }
  const opened = discord.press(message, 'Press')
  await answer(opened, 9, form)
  const data: Readonly<Record<number, unknown>> = {
    4: { content: 'x' },
    7: v2(row(button())),
    8: { choices: [] },
    9: form,
  }
  const kinds: [string, () => Interaction, number[]][] = [
    ['a command', () => discord.slash('analogy', {}), [4, 5, 9]],
    ['a menu', () => discord.menu('Apply', message), [4, 5, 9]],
    ['a button', () => discord.press(message, 'Press'), [4, 5, 6, 7, 9]],
    ['autocomplete', () => discord.complete('apply-diff', 'name', 'a'), [8]],
    ['a form', () => discord.submit(opened, {}), [4, 5, 6, 7]],
  ]
  for (const [kind, make, types] of kinds) {
    for (const type of [1, 4, 5, 6, 7, 8, 9, 10]) {
      const expected = types.includes(type) ? '204' : '400 50035'
      assert.equal(await said(make(), type, data[type]), expected, `${kind} answered with ${type}`)
    }
  }
})

test('a form that a command opened has no message to change', async () => {
  const opened = discord.slash('learn', {})
  await answer(opened, 9, { title: 'Form', custom_id: 'form', components: [text] })
  const submitted = discord.submit(opened, {})
  assert.equal(await said(submitted, 7, { content: 'x' }), '404 10008')
  assert.equal(await said(submitted, 4, { content: 'x' }), '204')
  assert.equal(await edit(opened, { content: 'x' }), '404 10008')
})

test('the answer tells of the message when asked, of a defer too', async () => {
  const deferred = await answer(discord.slash('analogy', {}), 5, { flags: EPHEMERAL }, '?with_response=true')
  const { interaction, resource } = deferred.data
  assert.deepEqual(
    { ...interaction, id: '' },
    {
      id: '',
      type: 2,
      response_message_id: resource.message!.id,
      response_message_loading: true,
      response_message_ephemeral: true,
    },
  )
  assert.equal(resource.message!.flags, EPHEMERAL | (1 << 7))
  const update = await answer(
    discord.press(await sent(v2(row(button()))), 'Press'),
    6,
    undefined,
    '?with_response=true',
  )
  assert.equal(JSON.stringify(update.data.resource), '{"type":6}')
})

test('the message in the answer to a defer can be withheld, as the documentation has it', async () => {
  const other = await startLoopback({ withholdsDeferred: true })
  const connected = await openSession(other)
  await connected.seen('READY')
  const { id, token } = other.slash('analogy', {})
  const path = `interactions/${id}/${token}/callback?with_response=true`
  const { data } = await request<Response>(other, 'POST', path, { type: 5 })
  const { resource, interaction } = data
  assert.deepEqual(resource, { type: 5 })
  assert.ok(other.messages.has(interaction.response_message_id!))
  await other.close()
})

test('a defer decides who sees the answer, and nothing else', async () => {
  assert.equal(await said(discord.slash('analogy', {}), 5, { flags: COMPONENTS_V2 }), '400 50035')
  const interaction = await deferred()
  assert.equal(await ask('POST', webhook(interaction), { content: 'first', flags: EPHEMERAL }), '200')
  assert.equal(textOf(interaction.message!), 'first')
  assert.equal(interaction.message!.flags, 0)
  assert.equal(await ask('POST', webhook(interaction), { content: 'second', flags: EPHEMERAL }), '200')
  assert.equal(interaction.followUps[0]!.flags, EPHEMERAL)
})

test('a button can be answered with a new message, or by changing its own', async () => {
  const message = await sent(v2(row(button())))
  const pressed = discord.press(message, 'Press')
  await answer(pressed, 5)
  assert.notEqual(pressed.message, message)
  assert.equal(pressed.message!.replyTo, message.id)
  const again = discord.press(message, 'Press')
  await answer(again, 6)
  assert.equal(await edit(again, v2(text)), '200')
  assert.equal(textOf(message), 'x')
  await answer(discord.press(await sent(v2(row(button()))), 'Press'), 7, v2({ ...text, content: 'updated' }))
  assert.equal(textOf([...discord.messages.values()].at(-1)!), 'updated')
})

test('the token of an interaction lives for 15 min', async () => {
  const interaction = await deferred()
  assert.equal(await edit(interaction, { content: 'x' }), '200')
  discord.advance(15 * 60_000)
  assert.equal(await edit(interaction, { content: 'x' }), '401 50027')
  assert.equal(await edit({ ...interaction, token: 'token-1' }, { content: 'x' }), '401 50027')
})

test('the token reads, changes and deletes its own messages and no others', async () => {
  const interaction = await deferred()
  const original = webhook(interaction, '/messages/@original')
  assert.equal(await ask('PATCH', original, { content: 'x' }), '200')
  assert.equal((await full('GET', original)).data.content, 'x')
  const { data } = await full('POST', webhook(interaction), { content: 'y', flags: EPHEMERAL })
  assert.equal(await ask('PATCH', webhook(interaction, `/messages/${data.id}`), { content: 'z' }), '200')
  const foreign = await sent({ content: 'x' })
  assert.equal(await ask('PATCH', webhook(interaction, `/messages/${foreign.id}`), { content: 'z' }), '404 10008')
  assert.equal(await ask('PATCH', `webhooks/1/${interaction.token}/messages/@original`, {}), '404 10015')
  await new Promise((resolve) => setTimeout(resolve, 2000))
  assert.equal(await ask('DELETE', original), '204')
  assert.equal(await ask('PATCH', original, { content: 'x' }), '404 10008')
})

test('suggestions are at most 25, of at most 100 characters', async () => {
  const choices = (count: number, name = 'x', value: string | number = 'x') => ({
    choices: Array(count).fill({ name, value }),
  })
  const typing = () => discord.complete('apply-diff', 'name', 'a')
  assert.equal(await said(typing(), 8, choices(26)), '400 50035')
  assert.equal(await said(typing(), 8, choices(1, 'x'.repeat(101))), '400 50035')
  assert.equal(await said(typing(), 8, choices(1, '')), '400 50035')
  assert.equal(await said(typing(), 8, choices(1, 'x', 'x'.repeat(101))), '400 50035')
  const interaction = typing()
  assert.equal(await said(interaction, 8, choices(25, '🙂'.repeat(100))), '204')
  assert.equal(interaction.choices!.length, 25)
})

// ---- Messages ----

const option = { label: 'x', value: 'x' }
const select = (more: object = {}) => row({ type: 3, custom_id: 'choose', options: [option], ...more })
const section = (more: object = {}) => ({ type: 9, components: [text], accessory: button(), ...more })
const options = (count: number) => Array.from({ length: count }, (_, index) => ({ label: 'x', value: `${index}` }))
const refused: [what: string, body: object, line?: string][] = [
  ['nothing at all', {}, '400 50006'],
  ['no component at all', v2(), '400 50006'],
  ['content of more than 2000 characters', { content: 'x'.repeat(2001) }],
  ['content beside components V2', { ...v2(text), content: 'x' }],
  ['an embed beside components V2', { ...v2(text), embeds: [{}] }],
  ['stickers beside components V2', { ...v2(text), sticker_ids: ['1'] }],
  ['a poll beside components V2', { ...v2(text), poll: {} }],
  ['a text display without the flag', { components: [text] }],
  [
    'six rows without the flag',
    { content: 'x', components: Array.from({ length: 6 }, (_, index) => row(button({ custom_id: `x${index}` }))) },
  ],
  ['more than 40 components', v2(...Array(41).fill(text))],
  [
    'more than 40 components, counted with all that is nested',
    v2(
      ...Array(14).fill(section({ accessory: button({ style: 5, custom_id: undefined, url: 'https://example.com' }) })),
    ),
  ],
  ['an unknown component', v2({ type: 99 })],
  ['a button that is in no row', v2(button())],
  ['a thumbnail that is in no section', v2({ type: 11, media: { url: 'https://example.com/a.png' } })],
  ['a label outside a form', v2({ type: 18, label: 'x', component: { type: 4, custom_id: 'x', style: 1 } })],
  ['a text input outside a form', v2(row({ type: 4, custom_id: 'x', style: 1 }))],
  ['a container in a container', v2({ type: 17, components: [{ type: 17, components: [text] }] })],
  ['an empty container', v2({ type: 17, components: [] })],
  ['a container of no colour', v2({ type: 17, accent_color: 0x1000000, components: [text] })],
  ['an empty row', v2(row())],
  ['six buttons in a row', v2(row(...options(6).map(({ value }) => button({ custom_id: value }))))],
  ['two selects in a row', v2(row(select().components[0]!, { ...select().components[0]!, custom_id: 'other' }))],
  ['a button beside a select', v2(row(button(), select().components[0]!))],
  ['a text in a row', v2(row(text))],
  ['a button without a style', v2(row(button({ style: undefined })))],
  ['a button without label and emoji', v2(row(button({ label: undefined })))],
  ['a long label of a button', v2(row(button({ label: 'x'.repeat(81) })))],
  ['a button without custom_id', v2(row(button({ custom_id: undefined })))],
  ['an empty custom_id', v2(row(button({ custom_id: '' })))],
  ['a long custom_id', v2(row(button({ custom_id: 'x'.repeat(101) })))],
  ['the same custom_id twice', v2(row(button(), button()))],
  ['the same custom_id in a row and a section', v2(row(button()), section())],
  ['the same id twice', v2({ ...text, id: 5 }, { ...text, id: 5 })],
  ['a link without url', v2(row(button({ style: 5, custom_id: undefined })))],
  ['a link with custom_id', v2(row(button({ style: 5, url: 'https://example.com' })))],
  ['a long link', v2(row(button({ style: 5, custom_id: undefined, url: `https://example.com/${'x'.repeat(500)}` })))],
  ['a button with custom_id and url', v2(row(button({ url: 'https://example.com' })))],
  ['a select without options', v2(select({ options: [] }))],
  ['a select of 26 options', v2(select({ options: options(26) }))],
  ['a long label of an option', v2(select({ options: [{ ...option, label: 'x'.repeat(101) }] }))],
  ['a long value of an option', v2(select({ options: [{ ...option, value: 'x'.repeat(101) }] }))],
  ['a long description of an option', v2(select({ options: [{ ...option, description: 'x'.repeat(101) }] }))],
  ['two options of the same value', v2(select({ options: [option, option] }))],
  ['a long placeholder', v2(select({ placeholder: 'x'.repeat(151) }))],
  ['more to choose than allowed', v2(select({ max_values: 26 }))],
  ['more to choose at least than at most', v2(select({ min_values: 2, max_values: 1, options: options(3) }))],
  ['a section without accessory', v2(section({ accessory: undefined }))],
  ['a section without text', v2(section({ components: [] }))],
  ['a section of four texts', v2(section({ components: Array(4).fill(text) }))],
  ['a section of anything but text', v2(section({ components: [{ type: 14 }] }))],
  ['a text as accessory', v2(section({ accessory: text }))],
  ['a separator of no spacing', v2({ type: 14, spacing: 3 })],
  ['an empty text', v2({ ...text, content: '' })],
  ['more than 4000 characters', v2({ ...text, content: 'x'.repeat(4001) })],
  [
    'more than 4000 characters in all',
    v2({ ...text, content: 'x'.repeat(2500) }, { ...text, content: 'x'.repeat(1501) }),
  ],
  ['more than 10170 bytes of text', v2({ ...text, content: '字'.repeat(3400) }), '500 0'],
  ['an empty gallery', v2({ type: 12, items: [] })],
  ['a gallery of eleven', v2({ type: 12, items: Array(11).fill({ media: { url: 'https://example.com/a.png' } }) })],
  ['a picture that was not sent', v2(gallery('attachment://a.png'))],
  ['a picture of no address', v2(gallery('a.png'))],
  ['a long alt text', v2(gallery('https://example.com/a.png', 'x'.repeat(1025)))],
  ['a file from elsewhere', v2({ type: 13, file: { url: 'https://example.com/a.zip' } })],
  ['a file that was not sent', v2({ type: 13, file: { url: 'attachment://a.zip' } })],
  ['an attachment that is not there', { content: 'x', attachments: [{ id: '5' }] }],
  ['a long nonce', { content: 'x', nonce: 'x'.repeat(26) }],
  ['mentions that contradict each other', { content: 'x', allowed_mentions: { parse: ['users'], users: ['1'] } }],
  ['an answer to nothing', { content: 'x', message_reference: { message_id: '5' } }],
]
for (const [what, body, line = '400 50035'] of refused) {
  test(`${what} is refused`, async () => {
    const before = discord.messages.size
    assert.equal(await post(body), line)
    assert.equal(discord.messages.size, before, 'nothing is posted')
  })
}

test('a message may have every component', async () => {
  const message = await sent(
    v2(
      {
        type: 17,
        accent_color: 0xff8800,
        components: [
          { ...text, content: '字'.repeat(3000) },
          { type: 9, components: [text, text, text], accessory: { type: 11, media: { url: 'attachment://a.png' } } },
          { type: 14, spacing: 2, divider: false },
          gallery('attachment://b.png', 'alt'),
          { type: 13, file: { url: 'attachment://c.safetensors' } },
          row(button({ custom_id: 'x'.repeat(100), label: '🙂'.repeat(80) }), button({ emoji: { name: '🙂' } })),
          select({ options: options(25), min_values: 0, max_values: 25 }),
        ],
      },
      section({ accessory: button({ style: 5, url: 'https://example.com', custom_id: undefined }) }),
      row({ type: 8, custom_id: 'channels' }),
    ),
    { files: { 'a.png': picture, 'b.png': picture, 'c.safetensors': picture } },
  )
  assert.deepEqual(unseenOf(message), [])
  assert.deepEqual(galleryOf(message), [{ name: 'b.png', alt: 'alt' }])
})

test('the V2 flag stays with a message, and needs an empty one', async () => {
  const interaction = await deferred()
  assert.equal(await edit(interaction, { content: 'x' }), '200')
  assert.equal(await edit(interaction, v2(text)), '400 50035')
  assert.equal(await edit(interaction, { ...v2(text), content: null }), '200')
  assert.equal(await edit(interaction, { content: 'x' }), '400 50035')
})

test('a file above the limit is too large, and so is a request above 25 MiB', async () => {
  const send = (...sizes: number[]) =>
    post(
      { content: 'x' },
      { files: Object.fromEntries(sizes.map((size, index) => [`${index}.png`, new Uint8Array(size)])) },
    )
  const limit = 10 * 1024 * 1024
  assert.equal(await send(limit), '200')
  assert.equal(await send(limit + 1), '413 40005')
  assert.equal(await send(limit, limit, limit), '413 40005')
  discord.limitFiles(1000)
  assert.equal((await payloadOf(discord.slash('analogy', {}))).attachment_size_limit, 1000)
  assert.equal(await send(1001), '413 40005')
  discord.limitFiles(limit)
})

test('a message has at most ten files', async () => {
  const files = Object.fromEntries(options(11).map(({ value }) => [`${value}.png`, picture]))
  assert.equal(await post({ content: 'x' }, { files }), '400 30015')
})

interface Shown extends Data {
  readonly attachments: { readonly filename: string }[]
  readonly components: { id: number; items: { media: { url: string; attachment_id: string } }[] }[]
}

test('a file shows only where a component names it', async () => {
  const files = { 'a.png': picture, 'b.png': picture }
  const { data } = await full<Shown>('POST', `channels/${channelId}/messages`, v2(gallery('attachment://a.png')), {
    files,
  })
  const { attachments, components } = data
  const message = discord.messages.get(data.id)!
  assert.deepEqual(unseenOf(message), ['b.png'])
  assert.deepEqual(
    attachments.map(({ filename }) => filename),
    ['b.png'],
  )
  assert.equal(components[0]!.id, 1)
  assert.equal(components[0]!.items[0]!.media.attachment_id, message.files[0]!.id)
  const fetched = await fetch(components[0]!.items[0]!.media.url)
  assert.deepEqual(new Uint8Array(await fetched.arrayBuffer()), picture)
  assert.equal(await post(v2(gallery('attachment://ä b.png')), { files: { 'ä b.png': picture } }), '400 50035')
})

test('an edit keeps what `attachments` lists, and all where it is absent and nothing comes', async () => {
  const files = { 'a.png': picture, 'b.png': picture }
  const message = await sent({ content: 'x' }, { files })
  const change = (body: object, options?: RequestOptions) =>
    ask('PATCH', `channels/${channelId}/messages/${message.id}`, body, options)
  const names = () => message.files.map(({ name, alt }) => `${name}${alt}`)
  const [a, b] = message.files
  await change({ content: 'y' })
  assert.deepEqual(names(), ['a.png', 'b.png'])
  await change({ attachments: [{ id: b!.id, description: '!' }] })
  assert.deepEqual(names(), ['b.png!'])
  assert.equal(await change({ attachments: [{ id: a!.id }] }), '400 50035')
  await change({ attachments: [{ id: b!.id }, { id: 0, description: '?' }] }, { files: { 'c.png': picture } })
  assert.deepEqual(names(), ['b.png!', 'c.png?'])
  await change({}, { files: { 'd.png': picture } })
  assert.deepEqual(names(), ['d.png'])
  await change({ attachments: [] })
  assert.deepEqual(names(), [])
})

test('a file that a component names cannot be left out', async () => {
  const message = await sent(v2(gallery('attachment://a.png')), { files: { 'a.png': picture } })
  const path = `channels/${channelId}/messages/${message.id}`
  assert.equal(await ask('PATCH', path, { attachments: [] }), '400 50035')
  assert.equal(await ask('PATCH', path, { ...v2(text), attachments: [] }), '200')
})

test('the address of a file is signed and good for a day; every look at the message has a new one', async () => {
  const message = await sent({ content: 'x' }, { files: { 'a.png': picture } })
  const look = async () => {
    const path = `channels/${channelId}/messages/${message.id}`
    const { data } = await full<{ attachments: { url: string }[] }>('GET', path)
    return data.attachments[0]!.url
  }
  const status = async (url: string) => (await fetch(url)).status
  const first = await look()
  assert.equal(await status(first), 200)
  assert.equal(await status(first.replace(/hm=\w/, 'hm=')), 404)
  discord.advance(25 * 60 * 60_000)
  assert.equal(await status(first), 404)
  assert.equal(await status(await look()), 200)
})

test('the same nonce posts once within minutes, where it is enforced', async () => {
  const body = { content: 'x', nonce: 'result-1', enforce_nonce: true }
  const [first, again] = [await sent(body), await sent({ ...body, content: 'y' })]
  assert.equal(first, again)
  assert.equal(first.content, 'x')
  assert.notEqual(await sent({ ...body, enforce_nonce: false }), first)
  discord.advance(10 * 60_000)
  assert.notEqual(await sent(body), first)
})

test('an answer to a message that is gone is none, where that may be', async () => {
  const first = await sent({ content: 'x' })
  assert.equal((await sent({ content: 'x', message_reference: { message_id: first.id } })).replyTo, first.id)
  first.isDeleted = true
  const reference = { message_id: first.id, fail_if_not_exists: false }
  assert.equal((await sent({ content: 'x', message_reference: reference })).replyTo, undefined)
})

test('only those who are named and may be pinged are, and only by a new message', async () => {
  const body = (allowed_mentions?: object) => ({ content: `<@${owner.id}> <@${stranger.id}>`, allowed_mentions })
  assert.deepEqual((await sent(body())).notified, [owner.id, stranger.id])
  assert.deepEqual((await sent(body({ parse: [] }))).notified, [])
  assert.deepEqual((await sent(body({ users: [owner.id, admin.id] }))).notified, [owner.id])
  const quiet = await sent({ content: 'x', allowed_mentions: { parse: [] } })
  assert.equal(await ask('PATCH', `channels/${channelId}/messages/${quiet.id}`, body({ users: [owner.id] })), '200')
  assert.deepEqual([quiet.pings, quiet.notified], [[owner.id], []])
  const message_reference = { message_id: discord.post({ content: 'x', by: admin }).id }
  assert.deepEqual((await sent({ content: 'x', message_reference })).notified, [admin.id])
  assert.deepEqual((await sent({ content: 'x', message_reference, allowed_mentions: {} })).notified, [])
})

// ---- What the bot's token may do ----

test('a wrong bot token, a foreign application, an unknown path and broken JSON are refused', async () => {
  assert.equal(await ask('GET', 'users/@me', undefined, { authorization: 'Bot wrong' }), '401 0')
  assert.equal(await ask('GET', 'applications/1/commands'), '403 20012')
  assert.equal(await ask('GET', 'nonsense'), '404 0')
  // Another one, whose limit of requests the tests before have not used up.
  const other = await startLoopback()
  const { status } = await fetch(`${other.apiUrl}/v10/channels/${channelId}/messages`, {
    method: 'POST',
    body: '{',
    headers: { authorization: `Bot loopback.bot.token` },
  })
  await other.close()
  assert.equal(status, 400)
})

test('what only one person sees is out of its reach', async () => {
  const interaction = discord.slash('analogy', {})
  await answer(interaction, 4, { content: 'x', flags: EPHEMERAL })
  const path = `channels/${channelId}/messages/${interaction.message!.id}`
  for (const method of ['GET', 'PATCH', 'DELETE'])
    assert.equal(await ask(method, path, method === 'GET' ? undefined : {}), '404 10008')
  assert.equal((await sent({ content: 'x', flags: EPHEMERAL })).flags, 0)
})

test('a message is found in its own channel only', async () => {
  const { id } = await sent({ content: 'x' })
  assert.equal(await ask('GET', `channels/${channelId}/messages/${id}`), '200')
  assert.equal(await ask('GET', `channels/${otherChannelId}/messages/${id}`), '404 10008')
  assert.equal(await ask('DELETE', `channels/${channelId}/messages/${id}`), '204')
  assert.equal(await ask('GET', `channels/${channelId}/messages/${id}`), '404 10008')
})

test('the words of others are not for the bot, and their messages not its to change', async () => {
  const message = discord.post({ content: 'hello', attachments: [discord.attach(picture)] })
  const path = `channels/${channelId}/messages/${message.id}`
  const { content, attachments, author } = (await full('GET', path)).data
  assert.deepEqual([content, attachments, (author as { id: string }).id], ['', [], stranger.id])
  assert.equal(await ask('PATCH', path, { content: 'x' }), '403 50005')
  assert.equal(await ask('DELETE', path), '403 50013')
})

test('each right that the bot lacks in a channel closes what needs it', async () => {
  const { id } = await sent({ content: 'x' })
  const path = `channels/${channelId}/messages`
  const tried = async () => [
    await ask('GET', `channels/${channelId}`),
    await ask('GET', `${path}/${id}`),
    await post({ content: 'x' }),
    await post({ content: 'x' }, { files: { 'a.png': picture } }),
    await post({ content: 'x', message_reference: { message_id: id } }),
    await ask('PATCH', `${path}/${id}`, { content: 'x' }),
  ]
  assert.deepEqual(await tried(), Array(6).fill('200'))
  discord.deny(channelId, 'view')
  assert.deepEqual(await tried(), Array(6).fill('403 50001'))
  discord.deny(channelId, 'send')
  assert.deepEqual(await tried(), ['200', '200', '403 50013', '403 50013', '403 50013', '200'])
  discord.deny(channelId, 'attach')
  assert.deepEqual(await tried(), ['200', '200', '200', '403 50013', '200', '200'])
  discord.deny(channelId, 'history')
  assert.deepEqual(await tried(), ['200', '403 50013', '200', '200', '400 160002', '200'])
  discord.allow(channelId)
  assert.deepEqual(await tried(), Array(6).fill('200'))
})

test('an interaction tells what the bot may do, and is answered whatever that is', async () => {
  const told = async (interaction: Interaction) => BigInt((await payloadOf(interaction)).app_permissions)
  const [VIEW, SEND, ATTACH] = [1n << 10n, 1n << 11n, 1n << 15n]
  discord.deny(channelId, 'send', 'attach')
  const interaction = await deferred()
  assert.equal((await told(interaction)) & (VIEW | SEND | ATTACH), VIEW)
  assert.equal(await edit(interaction, { content: 'x' }), '200')
  discord.allow(channelId)
  const direct = discord.slash('analogy', {}, { ...owner, isDirect: true })
  assert.equal((await told(discord.slash('analogy', {}))) & (VIEW | SEND | ATTACH), VIEW | SEND | ATTACH)
  assert.equal((await told(direct)) & (VIEW | SEND | ATTACH), ATTACH)
})

test('direct messages are opened by id, and may be refused', async () => {
  const open = (recipient_id: string) => full('POST', 'users/@me/channels', { recipient_id })
  const { id } = (await open(admin.id)).data
  assert.equal((await open(admin.id)).data.id, id)
  assert.equal((await open('1')).line, '400 50033')
  assert.equal(await post({ content: 'x' }, undefined, id), '200')
  discord.closeDirect(admin)
  assert.equal(await post({ content: 'x' }, undefined, id), '403 50007')
  discord.openDirect(admin)
  assert.equal(await post({ content: 'x' }, undefined, id), '200')
  assert.equal(await ask('GET', `users/${admin.id}`), '200')
  assert.equal(await ask('GET', 'users/1'), '404 10013')
})

// ---- Limits ----

test('the token of an interaction is good for five requests in two seconds, as the headers say', async () => {
  const interaction = await deferred()
  const answers: Answer[] = []
  for (let index = 0; index < 6; index++) {
    answers.push(await full('PATCH', webhook(interaction, '/messages/@original'), { content: 'x' }))
  }
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200, 200, 200, 429],
  )
  assert.deepEqual(
    answers.map(({ headers }) => headers.get('x-ratelimit-remaining')),
    ['4', '3', '2', '1', '0', null],
  )
  const { data, headers } = answers[5]!
  assert.ok(Number(data.retry_after) > 0 && Number(data.retry_after) <= 2)
  assert.equal(Number(headers.get('retry-after')), data.retry_after)
  assert.equal(headers.get('x-ratelimit-scope'), 'user')
})

test('a bot may ask fifty times a second', async () => {
  const impatient = () => full('GET', 'users/@me', undefined, { isPatient: false })
  const answers = await Promise.all(Array.from({ length: 200 }, impatient))
  const limited = answers.filter(({ status }) => status === 429)
  assert.ok(limited.length > 0)
  assert.equal(limited[0]!.data.global, true)
  assert.equal(limited[0]!.headers.get('x-ratelimit-global'), 'true')
  assert.equal(await said(discord.slash('analogy', {}), 5), '204', 'interactions do not count')
  assert.equal(await ask('GET', 'users/@me'), '200', 'a second later all is well')
})

test('a test can have the next request refused', async () => {
  discord.refuseNext(/^GET users/, new ApiError(502, 0, '502: Bad Gateway'))
  discord.refuseNext(/^GET users/, new ApiError(429, 30046, 'Maximum number of edits …'), 5)
  discord.refuseNext(/^GET users/, new ApiError(429, 0, 'You are being rate limited.'), 0.5, true)
  const impatient = () => full('GET', 'users/@me', undefined, { isPatient: false })
  await ask('GET', 'channels/1')
  const answers = [await impatient(), await impatient(), await impatient()]
  assert.deepEqual(
    answers.map(({ line }) => line),
    ['502 0', '429 30046', '429'],
  )
  assert.deepEqual(
    answers.map(({ data }) => data.retry_after),
    [undefined, 5, 0.5],
  )
  assert.deepEqual(
    answers.map(({ data }) => data.global),
    [undefined, false, true],
  )
  assert.equal(await ask('GET', 'users/@me'), '200')
})

// ---- Servers ----

test('members and moderators differ by their rights, channels by their age limit, servers by their id', async () => {
  const told = (who = owner) => payloadOf(discord.slash('analogy', {}, who))
  const may = async (who: typeof owner, bit: bigint) => (BigInt((await told(who)).member!.permissions) & bit) !== 0n
  const [MANAGE_MESSAGES, MANAGE_GUILD] = [1n << 13n, 1n << 5n]
  assert.deepEqual([await may(owner, MANAGE_MESSAGES), await may(owner, MANAGE_GUILD)], [false, false])
  assert.deepEqual([await may(moderator, MANAGE_MESSAGES), await may(moderator, MANAGE_GUILD)], [true, false])
  assert.deepEqual([await may(admin, MANAGE_MESSAGES), await may(admin, MANAGE_GUILD)], [false, true])
  assert.equal((await told()).channel.nsfw, false)
  assert.equal((await told({ ...owner, channelId: ageRestrictedChannelId })).channel.nsfw, true)
  assert.deepEqual([(await told()).guild_id, (await told(outsider)).guild_id], [guildId, otherGuildId])
  const direct = await told({ ...owner, isDirect: true, locale: 'de' })
  assert.deepEqual([direct.guild_id, direct.member, direct.user!.id], [undefined, undefined, owner.id])
  assert.deepEqual([direct.context, direct.locale], [1, 'de'])
})

test('a channel that is deleted is unknown, to tokens as well', async () => {
  const other = await startLoopback()
  const connected = await openSession(other)
  await connected.seen('READY')
  const { id, token } = other.slash('analogy', {})
  await request(other, 'POST', `interactions/${id}/${token}/callback`, { type: 5 })
  other.deleteChannel(channelId)
  assert.equal((await connected.seen('CHANNEL_DELETE')).id, channelId)
  const tried: [string, string][] = [
    ['GET', `channels/${channelId}`],
    ['POST', `channels/${channelId}/messages`],
    ['PATCH', `webhooks/${applicationId}/${token}/messages/@original`],
    ['POST', `webhooks/${applicationId}/${token}`],
  ]
  for (const [method, path] of tried) {
    const body = method === 'GET' ? undefined : { content: 'x' }
    assert.equal((await request(other, method, path, body)).line, '404 10003', path)
  }
  assert.throws(() => other.slash('analogy', {}), /no channel/)
  await other.close()
})

test('a server that removes the bot, one that is out of reach, and both again', async () => {
  const other = await startLoopback()
  const connected = await openSession(other)
  await connected.seen('READY')
  other.removeBot(guildId)
  assert.deepEqual(await connected.seen('GUILD_DELETE'), { id: guildId })
  assert.equal((await request(other, 'GET', `channels/${channelId}`)).line, '403 50001')
  assert.equal((await request(other, 'GET', `guilds/${guildId}`)).line, '403 50001')
  assert.throws(() => other.slash('analogy', {}), /not on Loopback/)
  const later = await openSession(other)
  const ready = await later.seen<{ guilds: { id: string }[] }>('READY')
  assert.deepEqual(
    ready.guilds.map(({ id }) => id),
    [otherGuildId],
  )
  other.outage(otherGuildId)
  assert.deepEqual(await later.seen('GUILD_DELETE'), { id: otherGuildId, unavailable: true })
  other.bringBack(guildId)
  other.bringBack(otherGuildId)
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal((await later.seen('GUILD_CREATE')).id, otherGuildId)
  assert.equal((await request(other, 'GET', `channels/${channelId}`)).line, '200')
  await other.close()
})

// ---- Where the bot is not ----

test('an app that only its user has is told so, answers with the token alone, and follows up five times', async () => {
  discord.register([{ name: 'everywhere', description: 'x', integration_types: [0, 1], contexts: [0, 1, 2] }])
  for (const [where, context] of [
    [foreignChannelId, 0],
    [groupChannelId, 2],
  ] as const) {
    const who = { ...owner, hasInstalled: true, channelId: where }
    const interaction = discord.slash('everywhere', {}, who)
    const told = await payloadOf(interaction)
    assert.deepEqual(told.authorizing_integration_owners, { 1: owner.id })
    assert.equal(told.context, context)
    assert.equal(await said(interaction, 4, v2(row(button()))), '204')
    const { id } = interaction.message!
    assert.equal((await full('GET', `channels/${where}`, undefined)).line, '403 50001')
    assert.equal((await full('PATCH', `channels/${where}/messages/${id}`, { content: 'x' })).line, '403 50001')
    const path = `webhooks/${applicationId}/${interaction.token}`
    const lines: string[] = []
    for (let sent = 0; sent < 6; sent++) {
      // Five requests in two seconds are one's due.
      let { line } = await full('POST', path, { content: 'x' })
      while (line.startsWith('429')) ({ line } = await full('POST', path, { content: 'x' }))
      lines.push(line)
    }
    assert.deepEqual(lines, ['200', '200', '200', '200', '200', '400 40094'])
    // Whoever presses does so by the leave of the owner.
    const pressed = await payloadOf(discord.press(interaction.message!, 'Press', { ...stranger, channelId: where }))
    assert.deepEqual(pressed.authorizing_integration_owners, { 1: owner.id })
    assert.throws(() => discord.slash('everywhere', {}, { ...stranger, channelId: where }), /not for here/)
  }
  const both = discord.slash('everywhere', {}, { ...owner, hasInstalled: true })
  assert.deepEqual((await payloadOf(both)).authorizing_integration_owners, { 0: guildId, 1: owner.id })
  const direct = discord.slash('everywhere', {}, { ...owner, isDirect: true })
  assert.deepEqual((await payloadOf(direct)).authorizing_integration_owners, { 0: '0' })
})

test('who may not use external apps in public is answered alone, and the app is told', async () => {
  const who = { ...owner, hasInstalled: true, isQuiet: true, channelId: foreignChannelId }
  const { data } = await answer(discord.slash('everywhere', {}, who), 5, {}, '?with_response=true')
  assert.equal(data.interaction.response_message_ephemeral, true)
  assert.ok(data.resource.message!.flags! & EPHEMERAL)
})
