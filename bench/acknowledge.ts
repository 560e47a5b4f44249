import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { galleryOf, startLoopback, textOf, token, until } from '../test/loopback/discord.ts'
import { startProcess } from '../test/loopback/process.ts'
import { storm, uploadExample } from '../test/loopback/storm.ts'

// How soon the bot acknowledges commands while its worker is busy: the unchanged process on a loopback Discord, which
// measures from sending the interaction over the gateway to receiving the answer. Prints a row for RESULTS.md.

const { values } = parseArgs({
  options: { commands: { type: 'string', default: '200' }, seconds: { type: 'string', default: '10' } },
})
const [commands, seconds] = [Number(values.commands), Number(values.seconds)]

const folder = mkdtempSync(join(tmpdir(), 'isto-'))
const discord = await startLoopback()
const bot = startProcess({
  DISCORD_TOKEN: token,
  DISCORD_API_URL: discord.apiUrl,
  ATTACHMENT_HOSTS: discord.origin,
  DATA_DIR: folder,
  HEALTH_PORT: '0',
})
try {
  await until(() => bot.output().includes('Ready after'), `the bot: ${bot.output()}`, 120_000)
  const health = /Health is told at (\S+)\/healthz/.exec(bot.output())![1]!
  const figures = async () => (await fetch(`${health}/metrics`)).text()

  const first = discord.slash('analogy', uploadExample(discord))
  await until(() => first.message && /% done/.test(textOf(first.message)), 'the worker at work', 120_000)
  await figures()
  const sent = await storm(discord, commands, seconds)
  const delay = Number(/^isto_event_loop_delay_seconds\{quantile="1"\} (\S+)$/m.exec(await figures())![1])
  const waits = sent.map(({ answeredAfter }) => answeredAfter!).sort((one, other) => one - other)
  const quantile = (share: number) => Math.round(waits[Math.min(waits.length - 1, Math.floor(share * waits.length))]!)
  const busy = galleryOf(first.message!).some(({ name }) => name === 'b2.png')
    ? 'and then the next job'
    : 'all the time'

  console.log(
    '| commands | within, s | worker at work | median, ms | 99 %, ms | slowest, ms | longest stall of the event loop, ms |',
  )
  console.log('|---|---|---|---|---|---|---|')
  console.log(
    `| ${[commands, seconds, busy, quantile(0.5), quantile(0.99), quantile(1), Math.round(delay * 1000)].join(' | ')} |`,
  )
} finally {
  bot.child.kill('SIGKILL')
  await bot.ended
  await discord.close()
  rmSync(folder, { recursive: true })
}
