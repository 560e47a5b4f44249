import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { commands } from '../commands/index.ts'
import {
  channelId,
  galleryOf,
  type Interaction,
  type Loopback,
  type Message,
  startLoopback,
  textOf,
  token,
  until,
} from './loopback/discord.ts'
import { type BotProcess, startProcess, workerOf } from './loopback/process.ts'
import { EPHEMERAL } from './loopback/rules.ts'
import { storm, uploadExample } from './loopback/storm.ts'

// The unchanged bot process, with its real worker and model, on a loopback Discord over real sockets. The tests after
// "It goes on" follow each other: the bot is ended in every way there is, and started again on the same data.

const minutes = 60_000
const folder = mkdtempSync(join(tmpdir(), 'isto-'))
const dataDirectory = join(folder, 'data')
let discord: Loopback
let bot: BotProcess

const settings = () => ({
  DISCORD_TOKEN: token,
  DISCORD_API_URL: discord.apiUrl,
  ATTACHMENT_HOSTS: discord.origin,
  DATA_DIR: dataDirectory,
  HOME: join(folder, 'home'),
})

async function startBot(more: Readonly<Record<string, string>> = {}): Promise<BotProcess> {
  const started = startProcess({ ...settings(), ...more, HEALTH_PORT: '0', LOG_LEVEL: 'debug' })
  started.ended.then(
    () => {},
    () => {},
  )
  await until(() => started.output().includes('is on Discord'), `the bot: ${started.output()}`, 2 * minutes)
  return started
}

before(async () => {
  discord = await startLoopback()
})
after(async () => {
  bot?.child.kill('SIGKILL')
  await bot?.ended
  await discord.close()
  rmSync(folder, { recursive: true })
})

// ---- It does not start, and says why ----

/** What it says before it ends with exit code 2, a line each. */
async function refusal(given: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const { ended, output } = startProcess(given)
  assert.equal(await ended, 2, output())
  return output().trimEnd().split('\n')
}

test('without a token it says in three lines where to get one', async () => {
  const lines = await refusal({})
  assert.equal(lines.length, 3)
  assert.match(lines.join(' '), /https:\/\/discord\.com\/developers\/applications/)
})

/** A copy of the model with one file changed. */
function spoiledModel(name: string, spoil: (file: string) => void): string {
  const copy = join(folder, name)
  const keep = (path: string) => !path.includes('train')
  cpSync('models/emoji', copy, { recursive: true, filter: keep })
  spoil(join(copy, 'unet', 'model.onnx'))
  return copy
}

const refusals: readonly (readonly [what: string, given: () => Record<string, string>, sentence: RegExp])[] = [
  ['a wrong token', () => ({ DISCORD_TOKEN: 'wrong.token' }), /^Discord rejects `DISCORD_TOKEN`/],
  [
    'another’s application',
    () => ({ DISCORD_APP_ID: '1' }),
    /^`DISCORD_APP_ID` 1 is not the application of this token/,
  ],
  ['an unknown model', () => ({ MODEL: 'nonsense' }), /^There is no model `nonsense`/],
  [
    'a model that lacks a part of a file',
    () => ({ MODEL: spoiledModel('short', (file) => truncateSync(file, 1000)) }),
    /^The model “emoji” is damaged: unet\/model\.onnx has 1000 bytes instead of \d+\. Download it again\.$/,
  ],
  ['a folder that can’t be written', () => ({ DATA_DIR: join(folder, 'a-file', 'data') }), /a-file.*can't be written/],
  ['a setting that makes no sense', () => ({ LOG_LEVEL: 'loud' }), /^Expected `LOG_LEVEL`/],
  [
    'a port that is taken',
    () => ({ HEALTH_PORT: new URL(discord.origin).port }),
    /^The port `HEALTH_PORT` \d+ on 127\.0\.0\.1 can’t be opened \(EADDRINUSE\)/,
  ],
]
for (const [what, given, sentence] of refusals) {
  test(`${what} is one clear line`, { timeout: minutes }, async () => {
    writeFileSync(join(folder, 'a-file'), '')
    const lines = await refusal({ ...settings(), DATA_DIR: join(folder, 'refused'), ...given() })
    assert.equal(lines.filter((line) => !line.startsWith('{"level":"info"')).length, 1, lines.join('\n'))
    assert.match(lines.at(-1)!, sentence)
  })
}

test('a model with a changed byte is found while it is warmed', { timeout: 2 * minutes }, async () => {
  const model = spoiledModel('changed', (file) => {
    const bytes = readFileSync(file)
    bytes[bytes.length >> 1]! ^= 1
    writeFileSync(file, bytes)
  })
  const lines = await refusal({ ...settings(), DATA_DIR: join(folder, 'refused'), MODEL: model })
  assert.match(
    lines.at(-1)!,
    /^The model “emoji” is damaged: unet\/model\.onnx has been changed\. Download it again\.$/,
  )
})

test('where Node is too old or nothing is installed, npm start says so in a sentence', async () => {
  const preflight = async (file: string, ...args: string[]) => {
    const failed = await promisify(execFile)(process.execPath, [...args, file]).then(
      () => assert.fail('Expected it to refuse.'),
      (error: { code: number; stderr: string }) => error,
    )
    assert.equal(failed.code, 2)
    return failed.stderr
  }
  const old = `data:text/javascript,Object.defineProperty(process.versions, 'node', { value: '20.1.0' })`
  assert.match(
    await preflight('src/preflight.mjs', '--import', old),
    /^isto needs Node 24, and this is Node 20\.1\.0[^\n]+\n$/,
  )
  const bare = join(folder, 'bare', 'src', 'preflight.mjs')
  cpSync('src/preflight.mjs', bare)
  assert.match(await preflight(bare), /^isto is not installed yet: run `npm ci` first[^\n]+\n$/)
  await promisify(execFile)(process.execPath, ['src/preflight.mjs'])
  assert.equal(JSON.parse(readFileSync('package.json', 'utf8')).scripts.prestart, 'node src/preflight.mjs')
})

// ---- It starts ----

test('it says where to invite it, has registered its commands, and is ready', { timeout: 3 * minutes }, async () => {
  bot = await startBot()
  assert.match(
    bot.output(),
    /isto is on Discord\. Add it to a server: https:\/\/discord\.com\/oauth2\/authorize\?client_id=1\d+&scope=bot/,
  )
  assert.deepEqual(
    discord.commands().map(({ name }) => name),
    commands.map(({ data }) => data.name),
  )
  await until(() => /Ready after [\d.]+ s/.test(bot.output()), 'its model', 2 * minutes)
})

test('deploy-commands changes nothing where nothing differs', async () => {
  const env = { ...process.env, ...settings(), DISCORD_APP_ID: '' }
  const { stdout: said } = await promisify(execFile)(process.execPath, ['deploy-commands.ts'], { env })
  assert.match(said, /The commands are up to date/)
})

test('a second one on the same data does not start', { timeout: minutes }, async () => {
  const lines = await refusal(settings())
  assert.equal(lines.filter((line) => !line.startsWith('{"level":"info"')).length, 1, lines.join('\n'))
  assert.match(lines.at(-1)!, /isto\.sqlite` is in use by another process/)
})

async function answered(interaction: Interaction): Promise<Message> {
  await until(() => interaction.answeredAfter !== undefined, 'an answer')
  assert.ok(interaction.answeredAfter! < 1000, `acknowledged after ${interaction.answeredAfter} ms`)
  return interaction.message!
}

/** Waits for `condition`, and fails at once with the bot's sentence if it gives up. */
async function told({ followUps }: Interaction, condition: () => unknown, what: string): Promise<void> {
  await until(() => followUps.length > 0 || condition(), what, 5 * minutes)
  assert.deepEqual(followUps.map(textOf), [], `instead of ${what}`)
}

const analogy = (seed = 7) => discord.slash('analogy', { ...uploadExample(discord), seed })
const isHalfWay = (message: Message) => /% done/.test(textOf(message))
const hasResult = (message: Message) => galleryOf(message).some(({ name }) => name === 'b2.png')

/** Posts and pings that a person has seen. */
const seen = () => ({
  messages: [...discord.messages.values()].filter(({ isDeleted }) => !isDeleted).length,
  pings: [...discord.messages.values()].reduce((sum, { pings }) => sum + pings.length, 0),
})

async function health(): Promise<{ status: number; figures: string }> {
  const origin = /Health is at (\S+)\/healthz/.exec(bot.output())![1]!
  const [{ status }, figures] = await Promise.all([fetch(`${origin}/healthz`), fetch(`${origin}/metrics`)])
  return { status, figures: await figures.text() }
}

test('what a server withholds is logged, once', { timeout: minutes }, async () => {
  discord.deny(channelId, 'attach', 'history')
  for (let time = 0; time < 2; time++) await answered(discord.slash('queue', {}))
  discord.allow(channelId)
  const lines = bot.output().match(/I lack permissions in the server [^\n]+/g)
  assert.equal(lines?.length, 1)
  assert.match(lines![0]!, /“Loopback” \(2\d+\), channel 3\d+: Attach Files, Read Message History\./)
})

test('what is no picture is answered with a sentence to the person alone', { timeout: minutes }, async () => {
  const disguised = discord.attach(new TextEncoder().encode('hello'))
  const interaction = discord.slash('analogy', { ...uploadExample(discord), a: disguised })
  await answered(interaction)
  await until(() => interaction.followUps.length > 0, 'a sentence', minutes)
  assert.ok(interaction.followUps[0]!.flags & EPHEMERAL)
  assert.ok(interaction.message!.isDeleted)
  assert.doesNotMatch(textOf(interaction.followUps[0]!), /on my side/)
})

// ---- It goes on ----

test('the worker dies in the middle; still three pictures become one message with four', {
  timeout: 8 * minutes,
}, async () => {
  const before = seen()
  const interaction = analogy()
  const message = await answered(interaction)
  await told(interaction, () => isHalfWay(message), 'the middle')
  const worker = workerOf(bot)!
  process.kill(worker, 'SIGKILL')
  await told(interaction, () => hasResult(message), 'the result')
  assert.match(bot.output(), /The worker ended \(SIGKILL\)\./)
  assert.notEqual(workerOf(bot), worker)
  assert.deepEqual(seen(), { ...before, messages: before.messages + 1 })

  const gallery = galleryOf(message)
  assert.deepEqual(
    gallery.map(({ name }) => name),
    ['a.png', 'a2.png', 'b.png', 'b2.png'],
  )
  for (const { alt } of gallery) assert.match(alt, /^(A|A′|B|B′): .+/)
  assert.match(textOf(message), /seed 7 · strength -?[\d.]+/)
  const result = await sharp(message.files.at(-1)!.bytes).metadata()
  assert.equal(result.format, 'png')
  assert.ok(result.width! >= 64)

  assert.match(bot.output(), /Job ended: analogy, done, \d+ s after it was placed\./)
  const { status, figures } = await health()
  assert.equal(status, 200)
  assert.match(figures, /^isto_gateway_connected 1$/m)
  assert.match(figures, /^isto_worker_ends_total 1$/m)
  assert.match(figures, /^isto_jobs_total\{outcome="done"\} 1$/m)
  assert.match(figures, /^isto_job_duration_seconds_count\{kind="analogy"\} 1$/m)
})

test('asked to leave, it parks and is gone within 10 s; the next one goes on', { timeout: 8 * minutes }, async () => {
  const before = seen()
  const interaction = analogy()
  const message = await answered(interaction)
  const waiting = discord.slash('analogy', { ...uploadExample(discord), seed: 8 })
  await told(interaction, () => isHalfWay(message), 'the middle')
  const started = Date.now()
  bot.child.kill('SIGTERM')
  assert.equal(await bot.ended, 0)
  assert.ok(Date.now() - started < 10_000, `gone after ${Date.now() - started} ms`)
  for (const one of [message, await answered(waiting)]) {
    assert.match(textOf(one), /^I am restarting; your job will continue in a moment\.$/)
  }

  bot = await startBot()
  await told(interaction, () => hasResult(message), 'the result')
  await until(() => isHalfWay(waiting.message!), 'its turn', 2 * minutes)
  assert.deepEqual(seen(), { ...before, messages: before.messages + 2 })
})

test('killed in the middle, it goes on; nothing is posted twice, nobody is pinged', {
  timeout: 8 * minutes,
}, async () => {
  // The one that waited when the bot was asked to leave.
  const message = [...discord.messages.values()].find(isHalfWay)!
  const before = seen()
  bot.child.kill('SIGKILL')
  assert.equal(await bot.ended, 'SIGKILL')
  assert.ok(!hasResult(message))
  bot = await startBot()
  await until(() => hasResult(message), 'the result', 5 * minutes)
  assert.match(textOf(message), /seed 8/)
  assert.deepEqual(seen(), before)
})

test('killed while it fetches the pictures, it says so instead of thinking for ever', {
  timeout: 2 * minutes,
}, async () => {
  const reached = Promise.withResolvers<void>()
  const silent = createServer(() => reached.resolve())
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
  bot.child.kill('SIGKILL')
  await bot.ended
  bot = await startBot({ ATTACHMENT_HOSTS: `${discord.origin},${origin}` })
  const example = uploadExample(discord)
  const interaction = discord.slash('analogy', { ...example, b: { ...example.b, url: `${origin}/b.png` } })
  await reached.promise
  assert.ok(interaction.message!.isThinking)
  bot.child.kill('SIGKILL')
  await bot.ended
  silent.closeAllConnections()
  silent.close()
  bot = await startBot()
  await until(() => !interaction.message!.isThinking, 'a word')
  assert.match(textOf(interaction.message!), /^I was interrupted before I had your pictures/)
})

test('with the worker at work, 200 commands in 10 s are all acknowledged within a second', {
  timeout: 5 * minutes,
}, async () => {
  const sent = await storm(discord, 200, 10)
  const waits = sent.map(({ answeredAfter }) => answeredAfter!).sort((one, other) => one - other)
  assert.ok(waits.at(-1)! < 1000, `the slowest ones: ${waits.slice(-5).join(', ')} ms`)
  // Those for whom there is no room are told so.
  await until(
    () => sent.every(({ message, followUps }) => !message!.isThinking || followUps.length > 0),
    'a word for all',
    2 * minutes,
  )
  const { status, figures } = await health()
  assert.equal(status, 200)
  assert.match(figures, /^isto_worker_busy 1$/m)
  assert.ok(Number(/^isto_queue_jobs (\d+)$/m.exec(figures)![1]) >= 20)
})

test('a session that Discord ends for good ends the bot, within 10 s even then', { timeout: minutes }, async () => {
  const started = Date.now()
  discord.kick(4004)
  assert.equal(await bot.ended, 1)
  assert.ok(Date.now() - started < 10_000)
  assert.match(bot.output(), /Discord ended the session \(code 4004\)/)
})

test('npm start leaves when npm is asked to, though its shell hands no signal on', {
  timeout: 2 * minutes,
}, async () => {
  const { connected } = discord.sessions()
  assert.equal(connected, 0)
  const npm = spawn('npm', ['start'], { env: { ...process.env, ...settings(), HEALTH_PORT: '' } })
  let output = ''
  for (const stream of [npm.stdout, npm.stderr]) stream.on('data', (chunk) => (output += chunk))
  await until(() => output.includes('is on Discord'), `the bot: ${output}`, minutes)
  npm.kill('SIGTERM')
  await until(() => discord.sessions().connected === 0, 'its end', 10_000)
})

test('nothing is written but the data', () => {
  assert.ok(existsSync(join(dataDirectory, 'isto.sqlite')))
  // Where onnxruntime keeps the id under which it reports to its makers, unless it is told not to.
  const home = join(folder, 'home')
  // npm's own, from the test before.
  assert.deepEqual(existsSync(home) ? readdirSync(home).filter((name) => name !== '.npm') : [], [])
})

test('the log of it all is JSON, and holds no token', () => {
  assert.ok(!bot.output().includes(token))
  assert.doesNotMatch(bot.output(), /token-\d+|hm=/)
  const lines = bot.output().trimEnd().split('\n')
  for (const line of lines) assert.equal(typeof JSON.parse(line).msg, 'string')
})
