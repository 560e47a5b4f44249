// Start to ready, and memory, of the default set-up: npx node bench/start.ts [--times 5] FOLDER…
// Each folder is a checkout with its packages installed; they take turns.
import { spawn } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startLoopback, token } from '../test/loopback/discord.ts'

const options = { times: { type: 'string', default: '5' } } as const
const { values, positionals } = parseArgs({ options, allowPositionals: true })
const folders = positionals.length > 0 ? positionals : ['.']

interface Start {
  readonly seconds: number
  /** Resident, in MB. */
  readonly bot: number
  readonly worker: number
}

async function start(folder: string): Promise<Start> {
  const discord = await startLoopback()
  const data = mkdtempSync(join(tmpdir(), 'isto-start-'))
  const env = {
    ...process.env,
    DISCORD_TOKEN: token,
    DISCORD_API_URL: discord.apiUrl,
    DATA_DIR: data,
    DATABASE_URL: '',
  }
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['src/main.ts'], { cwd: folder, env, stdio: ['ignore', 'pipe', 'inherit'] })
  const exited = new Promise((resolve) => child.once('exit', resolve))
  await new Promise<void>((resolve, reject) => {
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
      if (/Ready after/.test(output)) resolve()
    })
    child.once('exit', () => reject(new Error(`The bot in ${folder} ended: ${output}`)))
  })
  const seconds = (performance.now() - startedAt) / 1000
  // What was only needed for the start may be given back.
  await sleep(5000)
  const bot = residentOf(child.pid!)
  const worker = childrenOf(child.pid!).reduce((sum, pid) => sum + residentOf(pid), 0)
  child.removeAllListeners('exit')
  child.kill('SIGTERM')
  await Promise.race([exited, sleep(10_000)])
  await discord.close()
  rmSync(data, { recursive: true })
  return { seconds, bot, worker }
}

const status = (pid: number | string) => readFileSync(`/proc/${pid}/status`, 'utf8')
const residentOf = (pid: number) => Number(/^VmRSS:\s+(\d+)/m.exec(status(pid))![1]) / 1024
const childrenOf = (parent: number) =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return Number(/^PPid:\s+(\d+)/m.exec(status(pid))![1]) === parent
      } catch {
        return false // ended meanwhile
      }
    })
    .map(Number)

const starts = new Map<string, Start[]>(folders.map((folder) => [folder, []]))
for (let time = 0; time < Number(values.times); time++) {
  for (const folder of folders) starts.get(folder)!.push(await start(folder))
}
const median = (given: readonly number[]) => given.toSorted((one, other) => one - other)[Math.floor(given.length / 2)]!
console.log('| checkout | start to ready, s | the bot, MB | its worker, MB |\n|---|---|---|---|')
for (const [folder, all] of starts) {
  const of = (name: keyof Start) => median(all.map((one) => one[name]))
  console.log(`| ${folder} | ${of('seconds').toFixed(2)} | ${of('bot').toFixed(0)} | ${of('worker').toFixed(0)} |`)
}
process.exit(0)
