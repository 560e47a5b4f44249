import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { ChannelType, Client, Events, GatewayIntentBits, type Interaction, PermissionFlagsBits } from 'discord.js'
import {
  admin,
  channelId,
  guildId,
  type Loopback,
  type Message,
  otherChannelId,
  otherGuildId,
  outsider,
  owner,
  startLoopback,
  stranger,
  textOf,
  token,
  until,
} from './discord.ts'
import { COMPONENTS_V2 } from './rules.ts'

// What people do on the loopback, as discord.js tells a bot of it.

let discord: Loopback
let client: Client<true>
const received = new Map<string, Interaction>()
before(async () => {
  discord = await startLoopback()
  discord.register(definitions)
  client = new Client({
    intents: [GatewayIntentBits.Guilds],
    rest: { api: discord.apiUrl },
    allowedMentions: { parse: [] },
  })
  client.on(Events.InteractionCreate, (interaction) => received.set(interaction.id, interaction))
  client.on(Events.Error, () => {})
  const ready = new Promise((resolve) => client.once(Events.ClientReady, resolve))
  await client.login(token)
  await ready
})
after(async () => {
  await client.destroy()
  await discord.close()
})

const definitions = [
  {
    name: 'diffs',
    description: 'x',
    options: [
      {
        type: 1,
        name: 'show',
        description: 'x',
        options: [{ type: 3, name: 'name', description: 'x', required: true, autocomplete: true }],
      },
      {
        type: 2,
        name: 'all',
        description: 'x',
        options: [
          { type: 1, name: 'remove', description: 'x', options: [{ type: 6, name: 'person', description: 'x' }] },
        ],
      },
    ],
  },
  {
    name: 'set',
    description: 'x',
    contexts: [0],
    options: [
      { type: 7, name: 'channel', description: 'x' },
      { type: 5, name: 'keep', description: 'x' },
      { type: 4, name: 'limit', description: 'x', min_value: 1, max_value: 9 },
      { type: 10, name: 'strength', description: 'x', max_value: 3 },
      { type: 3, name: 'model', description: 'x', choices: [{ name: 'Emoji', value: 'emoji' }] },
      { type: 11, name: 'image', description: 'x' },
      { type: 3, name: 'words', description: 'x', max_length: 3 },
    ],
  },
  { type: 3, name: 'Apply a difference' },
]

/** What discord.js makes of it. */
async function told({ id }: { readonly id: string }): Promise<Interaction> {
  await until(() => received.has(id), 'the interaction')
  return received.get(id)!
}

test('subcommands, and groups of them', async () => {
  const show = await told(discord.slash('diffs show', { name: 'winter' }))
  assert.ok(show.isChatInputCommand())
  assert.deepEqual([show.commandName, show.options.getSubcommand()], ['diffs', 'show'])
  assert.equal(show.options.getString('name'), 'winter')
  const remove = await told(discord.slash('diffs all remove', { person: stranger.id }))
  assert.ok(remove.isChatInputCommand())
  assert.deepEqual([remove.options.getSubcommandGroup(), remove.options.getSubcommand()], ['all', 'remove'])
  assert.equal(remove.options.getUser('person')!.id, stranger.id)
  assert.ok(remove.options.getMember('person'))
})

test('options of every kind', async () => {
  const image = discord.attach(new Uint8Array([1, 2]), { filename: 'a b.png' })
  const given = { keep: false, limit: 9, strength: 1.5, model: 'emoji', words: '🙂🙂🙂' }
  const { options, attachmentSizeLimit } = await command({ ...given, image, channel: channelId })
  assert.equal(options.getChannel('channel', true, [ChannelType.GuildText]).name, 'pictures')
  assert.deepEqual([options.getBoolean('keep'), options.getInteger('limit')], [false, 9])
  assert.deepEqual([options.getNumber('strength'), options.getString('model')], [1.5, 'emoji'])
  const attachment = options.getAttachment('image', true)
  assert.deepEqual([attachment.name, attachment.size, attachment.contentType], ['a b.png', 2, 'image/png'])
  assert.deepEqual(new Uint8Array(await (await fetch(attachment.url)).arrayBuffer()), new Uint8Array([1, 2]))
  assert.equal(attachmentSizeLimit, 10 * 1024 * 1024)
})

async function command(options: Parameters<Loopback['slash']>[1]) {
  const interaction = await told(discord.slash('set', options))
  assert.ok(interaction.isChatInputCommand())
  return interaction
}

const impossible: [string, () => unknown, RegExp][] = [
  ['an option that is missing', () => discord.slash('diffs show', {}), /needs name/],
  ['an option that is not there', () => discord.slash('set', { other: 1 }), /no option other/],
  ['a number below', () => discord.slash('set', { limit: 0 }), /does not take 0/],
  ['a number above', () => discord.slash('set', { strength: 3.5 }), /does not take 3.5/],
  ['half of an integer', () => discord.slash('set', { limit: 1.5 }), /does not take 1.5/],
  ['a text that is too long', () => discord.slash('set', { words: 'abcd' }), /does not take abcd/],
  ['a choice that is not there', () => discord.slash('set', { model: 'other' }), /does not take other/],
  ['text for a number', () => discord.slash('set', { limit: '1' }), /does not take 1/],
  ['text for a file', () => discord.slash('set', { image: 'a.png' }), /does not take a.png/],
  ['a subcommand that is not there', () => discord.slash('diffs hide', {}), /no \/diffs hide/],
  [
    'a command that is not for direct messages',
    () => discord.slash('set', {}, { ...owner, isDirect: true }),
    /not for/,
  ],
  ['suggestions where there are none', () => discord.complete('set', 'words', 'a'), /suggests nothing/],
]
for (const [what, act, error] of impossible) {
  test(`an app does not send ${what}`, () => {
    assert.throws(act, error)
  })
}

test('a command that is not registered is sent all the same', async () => {
  const interaction = await told(discord.slash('yesterday', { a: discord.attach(new Uint8Array([1])) }))
  assert.ok(interaction.isChatInputCommand())
})

test('what is typed, and the suggestions', async () => {
  const typing = discord.complete('diffs show', 'name', 'win')
  const interaction = await told(typing)
  assert.ok(interaction.isAutocomplete())
  assert.deepEqual(interaction.options.getFocused(true), { name: 'name', type: 3, value: 'win', focused: true })
  assert.equal(interaction.options.getSubcommand(), 'show')
  await interaction.respond([{ name: 'Winter', value: 'winter' }])
  assert.deepEqual(typing.choices, [{ name: 'Winter', value: 'winter' }])
})

const buttons = {
  type: 1,
  components: [
    { type: 2, style: 1, label: 'Again', custom_id: 'again:1' },
    { type: 2, style: 1, label: 'Gone', custom_id: 'gone', disabled: true },
  ],
}
const choice = {
  type: 1,
  components: [{ type: 3, custom_id: 'pick', min_values: 1, max_values: 2, options: [1, 2, 3].map(optionOf) }],
}
function optionOf(value: number) {
  return { label: `Number ${value}`, value: `${value}` }
}
const channels = { type: 1, components: [{ type: 8, custom_id: 'channels', max_values: 2 }] }
const card = {
  type: 9,
  components: [{ type: 10, content: 'a card' }],
  accessory: { type: 2, style: 2, label: 'Use', custom_id: 'use' },
}

async function sent(...components: object[]): Promise<Message> {
  const channel = await client.channels.fetch(channelId)
  assert.ok(channel?.isSendable())
  const { id } = await channel.send({ flags: COMPONENTS_V2, components: components as never, files: [] })
  return discord.messages.get(id)!
}

test('buttons, in rows and beside texts, by label and by custom_id', async () => {
  const message = await sent(buttons, card)
  for (const [name, customId] of [
    ['Again', 'again:1'],
    ['Use', 'use'],
    [{ customId: 'use' }, 'use'],
  ] as const) {
    const interaction = await told(discord.press(message, name))
    assert.ok(interaction.isButton())
    assert.deepEqual([interaction.customId, interaction.message.id], [customId, message.id])
  }
  assert.throws(() => discord.press(message, 'Gone'), /disabled/)
  assert.throws(() => discord.press(message, 'Never'), /no button/)
})

test('select menus, of texts and of channels', async () => {
  const message = await sent(choice, channels)
  const interaction = await told(discord.choose(message, ['3', '1']))
  assert.ok(interaction.isStringSelectMenu())
  assert.deepEqual(interaction.values, ['3', '1'])
  const chosen = await told(discord.choose(message, [channelId], owner, 'channels'))
  assert.ok(chosen.isChannelSelectMenu())
  assert.ok(chosen.channels.has(channelId))
  assert.throws(() => discord.choose(message, ['4']), /no choice 4/)
  assert.throws(() => discord.choose(message, []), /Choose 1–2/)
})

test('a form, from a command and from a button', async () => {
  const fields = [
    { type: 18, label: 'Before', component: { type: 19, custom_id: 'before', min_values: 1, max_values: 5 } },
    { type: 18, label: 'Name', component: { type: 4, custom_id: 'name', style: 1 } },
  ]
  const opened = discord.slash('set', {})
  const interaction = await told(opened)
  assert.ok(interaction.isChatInputCommand())
  await interaction.showModal({ title: 'Form', custom_id: 'form:1', components: fields } as never)
  const before = [1, 2].map((byte) => discord.attach(new Uint8Array([byte]), { filename: `${byte}.png` }))
  const submitted = await told(discord.submit(opened, { before, name: 'winter' }))
  assert.ok(submitted.isModalSubmit())
  assert.deepEqual([submitted.customId, submitted.isFromMessage()], ['form:1', false])
  assert.equal(submitted.fields.getTextInputValue('name'), 'winter')
  assert.deepEqual(
    [...submitted.fields.getUploadedFiles('before', true).values()].map(({ name }) => name),
    ['1.png', '2.png'],
  )

  const pressed = discord.press(await sent(buttons), 'Again')
  const button = await told(pressed)
  assert.ok(button.isButton())
  await button.showModal({ title: 'Form', custom_id: 'form:2', components: [fields[1]] } as never)
  const answered = discord.submit(pressed, { name: 'x' })
  const fromMessage = await told(answered)
  assert.ok(fromMessage.isModalSubmit() && fromMessage.isFromMessage())
  await fromMessage.update({ flags: COMPONENTS_V2, components: [{ type: 10, content: 'done' }] })
  assert.equal(textOf(pressed.message!), 'done')
})

test('the menu of a message of somebody else, with its pictures', async () => {
  const written = { content: 'look', attachments: [discord.attach(new Uint8Array([7]), { filename: 'cat.png' })] }
  const interaction = await told(discord.menu('Apply a difference', discord.post({ ...written, by: stranger })))
  assert.ok(interaction.isMessageContextMenuCommand())
  const { content, attachments, author } = interaction.targetMessage
  assert.deepEqual([content, author.id], ['look', stranger.id])
  const [attachment] = attachments.values()
  assert.deepEqual([attachment!.name, attachment!.contentType], ['cat.png', 'image/png'])
  assert.deepEqual(new Uint8Array(await (await fetch(attachment!.url)).arrayBuffer()), new Uint8Array([7]))
})

test('the menu of a message of the bot, with the pictures of its gallery', async () => {
  const channel = await client.channels.fetch(channelId)
  assert.ok(channel?.isSendable())
  const { id } = await channel.send({
    flags: COMPONENTS_V2,
    files: [{ name: 'b.png', attachment: Buffer.from([9]) }],
    components: [{ type: 12, items: [{ media: { url: 'attachment://b.png' }, description: 'B' }] }],
  })
  const interaction = await told(discord.menu('Apply a difference', discord.messages.get(id)!))
  assert.ok(interaction.isMessageContextMenuCommand())
  const [gallery] = interaction.targetMessage.components.map((component) => component.toJSON())
  assert.ok(gallery?.type === 12)
  const { media, description } = gallery.items[0]!
  assert.equal(description, 'B')
  assert.deepEqual(new Uint8Array(await (await fetch(media.url)).arrayBuffer()), new Uint8Array([9]))
  assert.equal(interaction.targetMessage.attachments.size, 0)
})

test('a reply, a change and a whisper arrive', async () => {
  const asked = discord.slash('set', {}, admin)
  const interaction = await told(asked)
  assert.ok(interaction.isChatInputCommand())
  assert.ok(interaction.memberPermissions?.has(PermissionFlagsBits.ManageGuild))
  const { resource, interaction: answered } = await interaction.deferReply({ withResponse: true })
  assert.deepEqual([resource?.message?.id, answered.responseMessageId], [asked.message!.id, asked.message!.id])
  await interaction.editReply({ flags: COMPONENTS_V2, components: [{ type: 10, content: 'done' }] })
  await interaction.followUp({ content: 'psst', flags: 64 })
  assert.deepEqual([textOf(asked.message!), textOf(asked.followUps[0]!)], ['done', 'psst'])
  assert.ok(Math.abs(Date.now() - interaction.createdTimestamp) < 60_000, 'ids tell the time')
})

test('the servers, the channels and what the bot may do there', async () => {
  assert.deepEqual([...client.guilds.cache.keys()], [guildId, otherGuildId])
  const interaction = await told(discord.slash('diffs show', { name: 'x' }, outsider))
  assert.equal(interaction.guild!.name, 'Elsewhere')
  const may = () => {
    const channel = client.guilds.cache.get(otherGuildId)!.channels.cache.get(otherChannelId)!
    return channel.permissionsFor(client.user.id)!.has(PermissionFlagsBits.SendMessages)
  }
  assert.ok(may())
  discord.deny(otherChannelId, 'send')
  await until(() => !may(), 'the loss of a right')
  discord.allow(otherChannelId)
  await until(may, 'the right')
  discord.deleteChannel(otherChannelId)
  await until(() => !client.channels.cache.has(otherChannelId), 'the end of the channel')
  discord.removeBot(otherGuildId)
  await until(() => !client.guilds.cache.has(otherGuildId), 'the end of the server')
  discord.bringBack(otherGuildId)
  await until(() => client.guilds.cache.has(otherGuildId), 'the server')
  discord.outage(otherGuildId)
  await until(() => client.guilds.cache.get(otherGuildId)?.available === false, 'an outage')
  assert.ok(client.guilds.cache.has(otherGuildId), 'which is no removal')
})

test('a direct message to a person by id', async () => {
  const user = await client.users.fetch(admin.id)
  const { id, channelId } = await user.send('hello')
  assert.equal(discord.messages.get(id)!.content, 'hello')
  const interaction = await told(discord.slash('diffs show', { name: 'x' }, { ...admin, isDirect: true }))
  assert.deepEqual([interaction.channelId, interaction.inGuild()], [channelId, false])
  discord.closeDirect(admin)
  await assert.rejects(user.send('hello'), { code: 50007 })
})

test('a session that is cut is resumed, with what was missed', { timeout: 60_000 }, async () => {
  const { identified } = discord.sessions()
  for (const [index, disturb] of [discord.cut, discord.askToReconnect, () => discord.invalidate(true)].entries()) {
    disturb()
    const missed = discord.slash('set', {})
    await until(() => discord.sessions().resumed > index, 'a session that is resumed')
    assert.ok((await told(missed)).isChatInputCommand())
  }
  assert.equal(discord.sessions().identified, identified)
})

test('a session that is invalid is begun anew', { timeout: 60_000 }, async () => {
  const { identified } = discord.sessions()
  discord.invalidate(false)
  await until(() => discord.sessions().identified > identified, 'a new session')
  assert.ok((await told(discord.slash('set', {}))).isChatInputCommand())
})
