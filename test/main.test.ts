import assert from 'node:assert/strict'
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import sharp, { type Sharp } from 'sharp'
import {
  galleryOf,
  type Interaction,
  type Loopback,
  type Message,
  startLoopback,
  textOf,
  token,
  until,
} from './loopback/discord.ts'
import { EPHEMERAL } from './loopback/rules.ts'

// The unchanged bot process, with its real worker, on a loopback Discord over real sockets.

const minutes = 60_000

interface BotProcess {
  readonly child: ChildProcess
  readonly output: () => string
  /** The exit code, or the signal that ended it. */
  readonly ended: Promise<number | string>
}

function startProcess(settings: Record<string, string>): BotProcess {
  const child = spawn(process.execPath, ['src/main.ts'], {
    env: { ...process.env, DISCORD_TOKEN: '', DISCORD_APP_ID: '', MODEL: '', ...settings },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk))
  const ended = new Promise<number | string>((resolve) => child.once('exit', (code, how) => resolve(how ?? code ?? -1)))
  return { child, output: () => output, ended }
}

let discord: Loopback
let bot: BotProcess
const dataDirectory = mkdtempSync(join(tmpdir(), 'isto-'))
const settings = () => ({
  DISCORD_API_URL: discord.apiUrl,
  ATTACHMENT_HOSTS: discord.origin,
  DATA_DIR: dataDirectory,
})

before(async () => {
  discord = await startLoopback()
  bot = startProcess({ ...settings(), DISCORD_TOKEN: token })
  await until(() => bot.output().includes('is on Discord'), 'the bot', 2 * minutes)
})
after(async () => {
  bot.child.kill('SIGKILL')
  await bot.ended
  await discord.close()
  rmSync(dataDirectory, { recursive: true })
})

const require = createRequire(import.meta.url)

/** A picture of the sets that the model was made from: 64 px, on white. */
async function icon(name: string, change = (image: Sharp) => image): Promise<Uint8Array> {
  const { icons, width, height } = require('@iconify-json/noto/icons.json') as IconSet
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}">${icons[name]!.body}</svg>`
  const drawn = await sharp(Buffer.from(svg)).resize(64, 64).flatten({ background: 'white' }).png().toBuffer()
  return change(sharp(drawn)).png().toBuffer()
}

interface IconSet {
  readonly width: number
  readonly height: number
  readonly icons: Readonly<Record<string, { readonly body: string }>>
}

const pictures = async () => ({
  a: discord.attach(await icon('cat-face')),
  a2: discord.attach(await icon('cat-face', (image) => image.greyscale())),
  b: discord.attach(await icon('dog-face')),
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

/** Processes whose parent is `pid`. */
function childrenOf(pid: number): number[] {
  const isPid = (name: string) => /^\d+$/.test(name)
  const parents = existsSync('/proc/self/stat')
    ? readdirSync('/proc')
        .filter(isPid)
        .map((name) => [Number(name), parentFromStat(name)] as const)
    : execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .map((line) => line.trim().split(/\s+/).map(Number) as [number, number])
  return parents.filter(([, parent]) => parent === pid).map(([child]) => child)
}

function parentFromStat(pid: string): number {
  try {
    return Number(readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)!.split(' ')[1])
  } catch {
    return -1 // ended meanwhile
  }
}

test('it says where to invite it, and has registered its commands', () => {
  assert.match(
    bot.output(),
    /^isto is on Discord\. Add it to a server: https:\/\/discord\.com\/oauth2\/authorize\?client_id=1\d+&scope=bot/m,
  )
  assert.deepEqual(
    discord.commands().map(({ name }) => name),
    ['analogy'],
  )
})

test('three pictures become one message with four', { timeout: 12 * minutes }, async () => {
  const interaction = discord.slash('analogy', { ...(await pictures()), seed: 7 })
  const message = await answered(interaction)
  const seen = new Set<string>()
  await told(interaction, () => seen.add(textOf(message)) && galleryOf(message).length > 0, 'the result')
  assert.ok(
    [...seen].some((text) => /▰/.test(text)),
    `progress is shown: ${[...seen].join(' | ')}`,
  )
  const gallery = galleryOf(message)
  assert.deepEqual(
    gallery.map(({ name }) => name),
    ['a.png', 'a2.png', 'b.png', 'b2.png'],
  )
  for (const { alt } of gallery) assert.match(alt, /^(A|A′|B|B′): .+/)
  assert.match(textOf(message), /seed 7 · strength -?[\d.]+/)
  const result = await sharp(message.files[3]!.bytes).metadata()
  assert.equal(result.format, 'png')
  assert.ok(result.width! >= 64)
  assert.deepEqual(interaction.followUps, [])
})

test('a worker that dies in the middle is replaced, and the answer comes', { timeout: 12 * minutes }, async () => {
  const interaction = discord.slash('analogy', { ...(await pictures()), seed: 7 })
  const message = await answered(interaction)
  await told(interaction, () => textOf(message).includes('▰'), 'the middle')
  const [worker] = childrenOf(bot.child.pid!)
  process.kill(worker!, 'SIGKILL')
  await told(interaction, () => galleryOf(message).length > 0, 'the result')
  assert.match(bot.output(), /The worker ended \(SIGKILL\)\./)
  assert.notDeepEqual(childrenOf(bot.child.pid!), [worker])
})

test('a worker that dies between two jobs is replaced', { timeout: 5 * minutes }, async () => {
  const [worker] = childrenOf(bot.child.pid!)
  process.kill(worker!, 'SIGKILL')
  await until(() => childrenOf(bot.child.pid!).length === 0, 'its end')
  const broken = discord.attach(new Uint8Array(100))
  const interaction = discord.slash('analogy', { ...(await pictures()), b: broken })
  await answered(interaction)
  await until(() => interaction.followUps.length > 0, 'a sentence', 5 * minutes)
  assert.ok(interaction.followUps[0]!.flags & EPHEMERAL)
  assert.notEqual(childrenOf(bot.child.pid!)[0], worker)
})

test('what is no picture is answered with a sentence to the person alone', { timeout: 5 * minutes }, async () => {
  const text = discord.attach(new TextEncoder().encode('hello'), { content_type: 'text/plain', filename: 'a.txt' })
  const refused = await answered(discord.slash('analogy', { ...(await pictures()), a: text }))
  assert.ok(refused.flags & EPHEMERAL)
  assert.match(textOf(refused), /^A is not a picture I can read/)

  const disguised = discord.attach(new TextEncoder().encode('hello'))
  const interaction = discord.slash('analogy', { ...(await pictures()), a: disguised })
  await answered(interaction)
  await until(() => interaction.followUps.length > 0, 'a sentence', 5 * minutes)
  assert.ok(interaction.followUps[0]!.flags & EPHEMERAL)
  assert.ok(interaction.message!.isDeleted)
  assert.doesNotMatch(textOf(interaction.followUps[0]!), /on my side/)
})

test('asked to leave, it stops what runs with a word and is gone within 10 s', { timeout: 12 * minutes }, async () => {
  const interaction = discord.slash('analogy', await pictures())
  const message = await answered(interaction)
  await told(interaction, () => textOf(message).includes('▰'), 'the middle')
  const started = Date.now()
  bot.child.kill('SIGTERM')
  assert.equal(await bot.ended, 0)
  assert.ok(Date.now() - started < 10_000)
  assert.match(textOf(message), /^I am being restarted/)
})

test('the log of it all holds no token', () => {
  assert.ok(!bot.output().includes(token))
  assert.doesNotMatch(bot.output(), /token-\d+/)
})

test('without a token it says in three lines where to get one', async () => {
  const { ended, output } = startProcess({})
  assert.equal(await ended, 2)
  assert.equal(output().trim().split('\n').length, 3)
  assert.match(output(), /https:\/\/discord\.com\/developers\/applications/)
})

test('with a wrong token it says so in one line', async () => {
  const { ended, output } = startProcess({ ...settings(), DISCORD_TOKEN: 'wrong.token' })
  assert.equal(await ended, 2)
  assert.match(output(), /^Discord does not accept `DISCORD_TOKEN`[^\n]*\n$/)
})

test('deploy-commands changes nothing where nothing differs', async () => {
  const env = { ...process.env, ...settings(), DISCORD_TOKEN: token, DISCORD_APP_ID: '' }
  const { stdout: said } = await promisify(execFile)(process.execPath, ['deploy-commands.ts'], { env })
  assert.match(said, /nothing was changed/)
})
