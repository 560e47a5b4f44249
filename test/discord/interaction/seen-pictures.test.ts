import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type APIMessage, Client, Message } from 'discord.js'
import { seenPictures } from '../../../src/discord/interaction/seen-pictures.ts'

const cdn = 'https://cdn.discordapp.com'
const attachment = (id: string, more = {}) => ({
  id,
  filename: `${id}.png`,
  size: 1,
  url: `${cdn}/${id}.png?ex=1`,
  proxy_url: '',
  content_type: 'image/png',
  ...more,
})
const author = { id: '9', username: 'x', discriminator: '0', avatar: null }
const raw = (more: object) => {
  const empty = { content: '', attachments: [], embeds: [], components: [], mentions: [], mention_roles: [] }
  return { ...empty, id: '1', channel_id: '2', author, type: 0, timestamp: '2026-01-01T00:00:00Z', ...more } as never
}
const client = new Client({ intents: [] })

/** As Discord sends it, and as discord.js has it. */
function seen(more: object): readonly string[] {
  const message = raw(more) as APIMessage
  const urls = seenPictures(message).map(({ url }) => url)
  const known: Message = Reflect.construct(Message, [client, message])
  assert.deepEqual(
    seenPictures(known).map(({ url }) => url),
    urls,
  )
  return urls
}

test('a forwarded message shows its pictures', () => {
  const forwarded = { message: { ...(raw({ attachments: [attachment('3')] }) as object) } }
  const reference = { type: 1, message_id: '5', channel_id: '6' }
  assert.deepEqual(seen({ message_reference: reference, message_snapshots: [forwarded] }), [`${cdn}/3.png?ex=1`])
})

test('a file without a type is known by its ending', () => {
  const unknown = { content_type: undefined }
  const files = [attachment('1', unknown), attachment('2', { ...unknown, filename: 'x.zip' })]
  assert.deepEqual(seen({ attachments: files }), [`${cdn}/1.png?ex=1`])
})

test('a picture from elsewhere is taken from its copy at Discord, one at Discord from where it is', () => {
  const copy = 'https://images-ext-1.discordapp.net/external/x/https/example.com/y.png'
  const own = 'https://media.discordapp.net/attachments/1/2/z.png'
  const evil = 'https://cdn.discordapp.com.example.com/z.png'
  const embeds = [
    { type: 'rich', image: { url: 'https://example.com/y.png', proxy_url: copy } },
    { type: 'rich', image: { url: own, proxy_url: `${copy}?2` } },
    { type: 'rich', image: { url: evil, proxy_url: 'https://images-ext-1.discordapp.net/external/evil' } },
    { type: 'rich', image: { url: 'nonsense' } },
  ]
  assert.deepEqual(seen({ embeds }), [copy, own, 'https://images-ext-1.discordapp.net/external/evil'])
})

test('films in galleries are left out', () => {
  const items = [
    { media: { url: `${cdn}/a.mp4`, content_type: 'video/mp4' } },
    { media: { url: `${cdn}/b.png`, content_type: 'image/png' } },
    { media: { url: `${cdn}/c.png` } },
  ]
  assert.deepEqual(seen({ components: [{ type: 12, id: 1, items }] }), [`${cdn}/b.png`, `${cdn}/c.png`])
})
