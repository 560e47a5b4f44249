import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createLog, type Log } from '../src/log.ts'

// Assembled here, so that no scanner takes them for real.
const botToken = ['MTAwMDAwMDAwMDAwMDAwMDAx', 'GabcDe', 'x9Y-z_0123456789abcdefghijklmnopqrst'].join('.')
const interactionToken = Buffer.from('interaction:1234567890:abcdefghijklmnopqrstuvwxyz').toString('base64')
const ownToken = 'loopback.bot.token'
const signed = 'https://cdn.discordapp.com/attachments/1/2/cat.png?ex=66aa&is=66bb&hm=c0ffee'
const picture = new Uint8Array(500).fill(137)
const secrets = [
  botToken,
  interactionToken,
  ownToken,
  'c0ffee',
  'hunter2',
  '137,137',
  '137","1"',
  Buffer.from(picture).toString('base64').slice(0, 40),
]

function written(say: (log: Log) => void, options = {}): string {
  let text = ''
  say(createLog({ level: 'debug', secrets: [ownToken], write: (line) => (text += line), ...options }))
  return text
}

const circular: Record<string, unknown> = { name: 'ring' }
circular.self = circular

const hostile: Readonly<Record<string, unknown>> = {
  'a string': `${signed} ${botToken} ${interactionToken} Bot ${botToken} ${ownToken}`,
  'nested fields': { url: signed, deep: [{ headers: { Authorization: `Bot ${ownToken}`, cookie: 'hunter2' } }] },
  'names that say it': {
    token: 'hunter2',
    client_secret: 'hunter2',
    password: 'hunter2',
    apiKey: 'hunter2',
    api_key: 'hunter2',
  },
  'a map': new Map<unknown, unknown>([
    ['token', 'hunter2'],
    [botToken, 1],
    [{}, signed],
  ]),
  'a set': new Set([signed, picture]),
  'a URL': new URL(signed),
  'a symbol': Symbol(botToken),
  bytes: { picture, buffer: Buffer.from(picture), copy: picture.buffer, view: new DataView(picture.buffer) },
  'bytes that were JSON': [
    JSON.parse(JSON.stringify(picture)),
    [...picture],
    JSON.parse(JSON.stringify(Buffer.from(picture))),
  ],
  'bytes in an address': `data:image/png;base64,${Buffer.from(picture).toString('base64')}`,
  'an error': Object.assign(
    new Error(`PATCH https://discord.com/api/v10/webhooks/1/${ownToken}/messages failed`, {
      cause: new TypeError(signed),
    }),
    {
      url: `https://discord.com/api/v10/interactions/1/${interactionToken}/callback`,
      requestBody: { files: [{ data: picture }], json: { token: 'hunter2' } },
    },
  ),
  'several errors': new AggregateError([new Error(botToken), { cause: new Error(signed) }], signed),
  'a webhook of the tests': `https://discord.com/api/v10/webhooks/100000000000000001/hunter2/messages/@original`,
  'a long text': `${'x'.repeat(3_990)}${botToken}${'y'.repeat(100_000)}`,
  'a long text that is cut in a token': `${'x '.repeat(3_990)}${botToken}`,
  'a picture before a cut in a token': `data:image/png;base64,${'A'.repeat(7_930)} ${botToken}`,
}

/** As a careless line would have it. */
const asJson = (value: unknown) => JSON.stringify(value, (_, one) => (typeof one === 'symbol' ? String(one) : one))

for (const [what, value] of Object.entries(hostile)) {
  test(`${what} leaves no secret and no picture in the log`, () => {
    for (const isReadable of [false, true]) {
      const text = written(
        (log) => {
          log.error('It failed.', value)
          log.warn(String(value))
          log.warn(`${inspect(value)} ${asJson(value)}`)
        },
        { isReadable },
      )
      assert.match(text, /It failed\./)
      for (const secret of secrets) assert.ok(!text.includes(secret), `${secret} is in ${text.slice(0, 2000)}`)
      assert.ok(text.length < 60_000)
    }
  })
}

test('what can’t be read is logged all the same', () => {
  const unreadable = {
    circular,
    thrower: {
      get boom() {
        throw new Error('boom')
      },
    },
    proxy: new Proxy({}, { ownKeys: () => assert.fail('boom') }),
    revoked: (() => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    })(),
    toJSON: () => assert.fail('boom'),
    number: 10n,
    nothing: [undefined, null, Number.NaN],
  }
  const { details } = JSON.parse(written((log) => log.error('Odd.', unreadable)))
  assert.equal(details.circular.self, '<circular>')
  assert.equal(details.thrower, '<unreadable>')
  assert.equal(details.number, '10')
})

test('what a person needs stays', () => {
  const invitation = 'https://discord.com/oauth2/authorize?client_id=1&scope=bot'
  const text = written((log) =>
    log.info(`Add it: ${invitation}`, { seconds: 1.5, error: new Error('No such tensor.') }),
  )
  const { level, time, msg, details } = JSON.parse(text)
  assert.equal(level, 'info')
  assert.ok(Math.abs(Date.parse(time) - Date.now()) < 60_000)
  assert.equal(msg, `Add it: ${invitation}`)
  assert.equal(details.seconds, 1.5)
  assert.equal(details.error.message, 'No such tensor.')
  assert.match(details.error.stack, /log\.test\.ts/)
})

test('a message is no template, and a cast stays inside its line', () => {
  assert.equal(JSON.parse(written((log) => log.info('100 %s %j %o', { a: 1 }))).msg, '100 %s %j %o')
  const forged = written((log) => log.warn('cat\n12:00:00 error: forged \u001b[31m\u202e'), { isReadable: true })
  assert.match(forged, /^\d\d:\d\d:\d\d warn: cat \| 12:00:00 error: forged �\[31m�\n$/)
})

test('lines below the level are dropped', () => {
  const say = (log: Log) => {
    log.debug('small')
    log.error('large')
  }
  assert.deepEqual(written(say, { level: 'warn' }).match(/small|large/g), ['large'])
  assert.equal(written(say, { level: 'silent' }), '')
})
