// Kills bots, workers and Postgres at random while people ask: npx node bench/chaos.ts KILLS [MILLISECONDS A JOB]
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { galleryOf, type Interaction, owner, startLoopback, stranger, textOf, token } from '../test/loopback/discord.ts'
import { uploadExample } from '../test/loopback/storm.ts'
import { startPostgres } from '../test/postgres.ts'

const [kills = 20, jobMilliseconds = 300] = process.argv.slice(2).map(Number)
const folder = mkdtempSync(join(tmpdir(), 'isto-chaos-'))
const discord = await startLoopback()
const postgres = await startPostgres()
const url = await postgres.create()

interface Part {
  readonly name: string
  /** SIGKILL; it starts again at once. */
  readonly kill: () => void
}

const children = new Set<ChildProcess>()
let isOver = false

const part = (
  name: string,
  file: string,
  args: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Part => {
  const env = {
    ...process.env,
    DISCORD_TOKEN: token,
    DISCORD_API_URL: discord.apiUrl,
    ATTACHMENT_HOSTS: discord.origin,
    DATABASE_URL: url,
    DATA_DIR: join(folder, 'data'),
    LOG_LEVEL: 'warn',
    ...more,
  }
  let child: ChildProcess
  const start = () => {
    const started = spawn(process.execPath, [file, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [started.stdout, started.stderr])
      stream.on('data', (text) => process.stderr.write(`${name}: ${text}`))
    children.add(started)
    started.once('exit', () => {
      children.delete(started)
      // As systemd and Docker do with what ends by itself.
      setTimeout(() => child === started && !isOver && start(), 2000)
    })
    child = started
  }
  start()
  return {
    name,
    kill: () => {
      const killed = child
      start()
      killed.kill('SIGKILL')
    },
  }
}

// The loopback's servers are of shard 4, its direct messages of shard 0. One shard a process: it starts sooner.
const bots = ['0/8', '4/8'].map((shards) => part(`bot ${shards}`, 'src/main.ts', [], { SHARDS: shards }))
const until = async (condition: () => boolean, seconds: number) => {
  for (const end = Date.now() + seconds * 1000; !condition() && Date.now() < end; ) await sleep(50)
  return condition()
}
await until(() => discord.sessions().connected >= 2, 180)
const fixture = 'test/fixtures/sleeping-worker.ts'
const workers = [1, 2, 3].map((number) => part(`worker ${number}`, fixture, [url, String(jobMilliseconds)]))
await sleep(5000)

const sent: Interaction[] = []
let isAsking = true
const people = [owner, stranger, { ...owner, isDirect: true }]
const asking = (async () => {
  for (let index = 0; isAsking; index++) {
    const who = people[index % people.length]!
    try {
      sent.push(discord.slash('analogy', { ...uploadExample(discord), seed: index }, who))
    } catch {
      // No bot is connected.
    }
    await sleep(400)
  }
})()

const killed: Record<string, number> = { bot: 0, worker: 0, Postgres: 0 }
for (let index = 0; index < kills; index++) {
  await sleep(2000 + Math.random() * 8000)
  if (index % 10 === 9) {
    killed.Postgres!++
    await postgres.kill()
    await sleep(1000)
    await postgres.start()
    continue
  }
  const all = [...bots, ...workers]
  const victim = all[Math.floor(Math.random() * all.length)]!
  killed[victim.name.split(' ')[0]!]!++
  victim.kill()
  console.error(`${index + 1}: ${victim.name}, of ${sent.length} asked`)
}
isAsking = false
await asking

const acknowledged = () => sent.filter(({ answeredAfter }) => answeredAfter !== undefined)
const hasResult = ({ message }: Interaction) => !!message && galleryOf(message).some(({ name }) => name === 'b2.png')
const isTold = ({ message, followUps }: Interaction) =>
  followUps.length > 0 || (!!message && !message.isThinking && /sorry|interrupted|please/i.test(textOf(message)))
const isSettled = (one: Interaction) => hasResult(one) || isTold(one)
await until(() => acknowledged().every(isSettled), 180)

const all = acknowledged()
const lost = all.filter((one) => !isSettled(one))
const posts = [...discord.messages.values()].filter(({ isDeleted }) => !isDeleted).length
const own = all.filter(({ message }) => message && !message.isDeleted).length
const whispers = all.reduce((sum, { followUps }) => sum + followUps.length, 0)
const twice =
  all.filter((one) => hasResult(one) && one.followUps.length > 0).length + Math.max(0, posts - own - whispers)
console.log(`| killed | asked | acknowledged | delivered | told why not | lost | doubled |
|---|---|---|---|---|---|---|
| ${Object.entries(killed)
  .map(([what, count]) => `${count} × ${what}`)
  .join(
    ', ',
  )} | ${sent.length} | ${all.length} | ${all.filter(hasResult).length} | ${all.filter((one) => !hasResult(one) && isTold(one)).length} | ${lost.length} | ${twice} |`)
for (const { message } of lost) console.log('lost:', message?.isThinking, message && textOf(message))
isOver = true
for (const child of children) child.kill('SIGKILL')
await discord.close()
await postgres.close()
rmSync(folder, { recursive: true })
process.exit(0)
