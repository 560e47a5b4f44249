import { setTimeout as sleep } from 'node:timers/promises'
import { commands } from '../commands/index.ts'
import { openAlone } from './bot/alone.ts'
import { startHealth } from './bot/health.ts'
import { createMetrics } from './bot/metrics.ts'
import { tellOfOutsiders } from './bot/outsiders.ts'
import { createVitals } from './bot/vitals.ts'
import { type Config, readConfig } from './config.ts'
import { type Connection, connect } from './discord/gateway/connect.ts'
import { fetchAttachment } from './discord/interaction/attachments.ts'
import { describe } from './discord/interaction/faults.ts'
import { UserError } from './errors.ts'
import type { Queue, QueueHandlers } from './jobs/ticket.ts'
import { createLog, type Log } from './log.ts'
import { scrub } from './scrub.ts'
import type { Store } from './store/open.ts'

// Exit codes: 0 asked to stop, 1 our fault or a session that Discord ended, 2 something that the admin has to change.

/** For the time before there is a log, and for what keeps the bot from starting: one plain line. */
const tell = (line: string) => console.error(line)

// An error that nobody caught ends the process, but without Node's own report, which would print tokens.
process.on('uncaughtException', (error) => {
  tell(String(scrub(describe(error), [])))
  process.exit(1)
})

try {
  const config = readConfig()
  if (config.token) await start(config, config.token)
  else tellWhereTokensComeFrom()
} catch (error) {
  giveUp(error)
}

async function start(config: Config, token: string): Promise<void> {
  const log = createLog({
    level: config.logLevel,
    isReadable: process.stdout.isTTY,
    secrets: [token, ...secretsOf(config)],
  })
  const warn = (line: string) => log.warn(line)
  const metrics = createMetrics()
  const vitals = createVitals(metrics.observe)
  const { databaseUrl } = config
  // Only then are pg and pg-boss loaded.
  const backend = databaseUrl
    ? await (await import('./bot/shared.ts')).openShared(config, databaseUrl, log)
    : await openAlone(config, log, vitals)
  const { queue, store, models } = backend

  // ---- Stop ----

  let connection: Connection | undefined
  let isLeaving = false
  const leave = async (exitCode: number) => {
    if (isLeaving) return
    isLeaving = true
    // Eight seconds at most, whatever hangs.
    await Promise.race([backend.park(), sleep(4000)])
    await Promise.race([Promise.allSettled([connection?.notifier.close(), connection?.settled()]), sleep(3000)])
    await Promise.race([Promise.allSettled([connection?.close(), backend.close()]), sleep(1000)])
    process.exit(exitCode)
  }
  whenAskedToStop(() => void leave(0))

  // ---- Start ----

  const startedAt = Date.now()
  if (config.health) {
    const read = async () =>
      vitals.read({
        gatewayStatus: connection?.gatewayStatus() ?? { lostAt: startedAt },
        queueLength: await queue.length(),
        usage: store.usage(),
        ...(databaseUrl && { workers: await queue.workers() }),
      })
    const { origin } = await startHealth({ ...config.health, read, metrics })
    log.info(`Health is at ${origin}/healthz, metrics at ${origin}/metrics.`)
  }
  const opened = Promise.withResolvers<void>()
  const { applicationId, apiUrl, attachmentOrigins: origins, shards } = config
  connection = await connect({
    token,
    applicationId,
    apiUrl,
    shards,
    commands,
    log: warn,
    exclusively: backend.exclusively,
    services: {
      queue: openedQueue(queue, opened.promise),
      store,
      models,
      fetchAttachment: (label, attachment, kind) => fetchAttachment(label, attachment, { origins, kind }),
    },
    onLost: (reason) => {
      log.error(reason)
      void leave(1)
    },
  })
  log.info(connection.greeting)
  await queue.open(withLoggedEnds(tellOfOutsiders(vitals.watchHandlers(connection.notifier), models.usual, warn), log))
  opened.resolve()
  let readiness: string
  try {
    readiness = await backend.warm()
  } catch (error) {
    // Otherwise the worker was closed while it warmed up.
    if (!isLeaving) throw error
    return
  }
  log.info(`Ready after ${((Date.now() - startedAt) / 1000).toFixed(1)} s: ${readiness}.`)
  await sweepHourly(store, log)
}

async function sweepHourly(store: Store, log: Log): Promise<void> {
  const sweep = () => store.sweep(Date.now()).catch((error: unknown) => log.error('Sweeping the store failed.', error))
  await sweep()
  setInterval(sweep, 60 * 60 * 1000)
}

function whenAskedToStop(stop: () => void): void {
  process.once('SIGTERM', stop)
  process.once('SIGINT', stop)
  // npm starts us through a shell, which is ended by a signal and doesn't pass it on.
  if (process.argv.includes('--leave-with-parent')) {
    const parent = process.ppid
    setInterval(() => process.ppid !== parent && stop(), 500).unref()
  }
}

/** A command may arrive before the queue is open. It waits for that before its person is told to wait. */
function openedQueue<FollowUp>(queue: Queue<FollowUp>, opened: Promise<void>): Queue<FollowUp> {
  const expect: Queue<FollowUp>['expect'] = async (expected) => {
    await opened
    return queue.expect(expected)
  }
  return { ...queue, expect }
}

function withLoggedEnds<FollowUp>(handlers: QueueHandlers<FollowUp>, log: Log): QueueHandlers<FollowUp> {
  return {
    ...handlers,
    onEnd: (ticket, outcome) => {
      const seconds = Math.round((Date.now() - ticket.placedAt) / 1000)
      log.debug(`Job ended: ${ticket.job.kind}, ${outcome.type}, ${seconds} s after it was placed.`, { id: ticket.id })
      return handlers.onEnd(ticket, outcome)
    },
  }
}

/** The password, alone and in the address. */
function secretsOf({ databaseUrl = '' }: Config): readonly string[] {
  const password = URL.parse(databaseUrl)?.password
  return password ? [databaseUrl, password, decodeURIComponent(password)] : []
}

function giveUp(error: unknown): void {
  if (!(error instanceof UserError)) throw error
  tell(error.message)
  process.exit(2)
}

function tellWhereTokensComeFrom(): void {
  tell('isto needs the token of a Discord bot.')
  tell('1. Make one: https://discord.com/developers/applications → New Application → Bot → Reset Token.')
  tell('2. Put it into `.env` as DISCORD_TOKEN=… (see .env.example), then run npm start again.')
  process.exitCode = 2
}
