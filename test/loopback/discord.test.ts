import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { WebSocket } from 'ws'
import { applicationId, channelId, type Interaction, type Loopback, startLoopback, token, until } from './discord.ts'
import { COMPONENTS_V2 } from './rules.ts'

// The loopback refuses what Discord refuses; otherwise the tests on it would prove nothing.

let discord: Loopback
let session: WebSocket
before(async () => {
  discord = await startLoopback()
  session = new WebSocket(`${discord.origin.replace('http', 'ws')}/gateway`)
  let isReady = false
  session.on('message', (raw) => {
    const { op, t } = JSON.parse(String(raw)) as { op: number; t?: string }
    if (op === 10) session.send(JSON.stringify({ op: 2, d: { token } }))
    if (t === 'GUILD_CREATE') isReady = true
  })
  await until(() => isReady, 'the session')
})
after(async () => {
  session.terminate()
  await discord.close()
})

/** Status and code of the answer. */
async function ask(method: string, path: string, body?: unknown, authorization = `Bot ${token}`): Promise<string> {
  const isForm = body instanceof FormData
  const response = await fetch(`${discord.apiUrl}/v10/${path}`, {
    method,
    body: isForm ? body : body === undefined ? null : JSON.stringify(body),
    headers: { authorization, ...(!isForm && { 'content-type': 'application/json' }) },
  })
  const text = await response.text()
  return `${response.status} ${text ? (JSON.parse(text).code ?? '') : ''}`.trim()
}

const defer = ({ id, token }: Interaction) => ask('POST', `interactions/${id}/${token}/callback`, { type: 5 })
const edit = ({ token }: Interaction, body: unknown) =>
  ask('PATCH', `webhooks/${applicationId}/${token}/messages/@original`, body)

async function deferred(): Promise<Interaction> {
  const interaction = discord.slash('analogy', {})
  assert.equal(await defer(interaction), '204')
  return interaction
}

test('an interaction can be answered for 3 s, once', async () => {
  const interaction = await deferred()
  assert.equal(await defer(interaction), '400 40060')
  const late = discord.slash('analogy', {})
  discord.advance(3001)
  assert.equal(await defer(late), '404 10062')
})

test('its token lives for 15 min', async () => {
  const interaction = await deferred()
  assert.equal(await edit(interaction, { content: 'x' }), '200')
  discord.advance(15 * 60_000)
  assert.equal(await edit(interaction, { content: 'x' }), '401 50027')
  assert.equal(await edit({ ...interaction, token: 'token-1' }, { content: 'x' }), '401 50027')
})

test('its token is good for five requests in two seconds', async () => {
  const interaction = await deferred()
  const answers = []
  for (let index = 0; index < 6; index++) answers.push(await edit(interaction, { content: 'x' }))
  assert.deepEqual(answers, ['200', '200', '200', '200', '200', '429'])
})

test('a wrong bot token, a foreign application and an unknown path are refused', async () => {
  assert.equal(await ask('GET', 'users/@me', undefined, 'Bot wrong'), '401 0')
  assert.equal(await ask('GET', 'applications/1/commands'), '403 20012')
  assert.equal(await ask('GET', 'nonsense'), '404 0')
})

const text = { type: 10, content: 'x' }
const gallery = (url: string, description?: string) => ({ type: 12, items: [{ media: { url }, description }] })
const refused: [string, object][] = [
  ['content beside components V2', { flags: COMPONENTS_V2, content: 'x', components: [text] }],
  ['an embed beside components V2', { flags: COMPONENTS_V2, embeds: [{}], components: [text] }],
  ['a text display without the flag', { components: [text] }],
  ['more than 40 components', { flags: COMPONENTS_V2, components: Array(41).fill(text) }],
  ['more than 4000 characters', { flags: COMPONENTS_V2, components: [{ ...text, content: 'x'.repeat(4001) }] }],
  ['an empty gallery', { flags: COMPONENTS_V2, components: [{ type: 12, items: [] }] }],
  ['a picture that was not sent', { flags: COMPONENTS_V2, components: [gallery('attachment://a.png')] }],
  ['a long alt text', { flags: COMPONENTS_V2, components: [gallery('https://example.com/a.png', 'x'.repeat(1025))] }],
]
for (const [what, body] of refused) {
  test(`${what} is refused`, async () => {
    assert.equal(await ask('POST', `channels/${channelId}/messages`, body), '400 50035')
  })
}

test('the V2 flag stays with a message', async () => {
  const interaction = await deferred()
  assert.equal(await edit(interaction, { flags: COMPONENTS_V2, components: [text] }), '200')
  assert.equal(await edit(interaction, { content: 'x' }), '400 50035')
})

test('a file above 10 MiB is too large', async () => {
  const send = (bytes: number) => {
    const form = new FormData()
    form.set('payload_json', '{"content": "x"}')
    form.set('files[0]', new Blob([new Uint8Array(bytes)]), 'a.png')
    return ask('POST', `channels/${channelId}/messages`, form)
  }
  assert.equal(await send(10 * 1024 * 1024), '200')
  assert.equal(await send(10 * 1024 * 1024 + 1), '413 40005')
})

test('a gateway session with a wrong token is ended', async () => {
  const other = new WebSocket(`${discord.origin.replace('http', 'ws')}/gateway`)
  const code = await new Promise((resolve) => {
    other.on('open', () => other.send(JSON.stringify({ op: 2, d: { token: 'wrong' } })))
    other.on('close', resolve)
  })
  assert.equal(code, 4004)
})
