import { hostname } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createComputer } from './bot/computer.ts'
import { findUsableModels, modelsFolder, type UsableModels } from './bot/models.ts'
import { warm } from './bot/warm.ts'
import { type Config, readConfig } from './config.ts'
import { describe } from './discord/interaction/faults.ts'
import { UserError } from './errors.ts'
import { identityOf } from './hub/identity.ts'
import { openBoss } from './jobs/boss.ts'
import { serve } from './jobs/serve.ts'
import { hasTables } from './jobs/ticket-tables.ts'
import { findForeign, type ServedModel } from './jobs/workers.ts'
import { createLog } from './log.ts'
import { scrub } from './scrub.ts'
import { openPostgres, type Postgres } from './store/postgres.ts'

// `npm run worker`: computes for bots that share a Postgres. It connects to that and to nothing else. Exit codes as in
// main.ts.

process.on('uncaughtException', (error) => {
  console.error(String(scrub(describe(error), [])))
  process.exit(1)
})

try {
  const config = readConfig(undefined, deviceOf(process.argv.slice(2)))
  if (config.databaseUrl) await start(config, config.databaseUrl)
  else throw new UserError('A worker needs the `DATABASE_URL` of its bot; set it in `.env` (see docs/scale.md).')
} catch (error) {
  if (!(error instanceof UserError)) throw error
  console.error(error.message)
  process.exit(2)
}

async function start(config: Config, databaseUrl: string): Promise<void> {
  const password = URL.parse(databaseUrl)?.password
  const log = createLog({
    level: config.logLevel,
    isReadable: process.stdout.isTTY,
    secrets: [databaseUrl, ...(password ? [decodeURIComponent(password)] : [])],
  })
  const models = await findUsableModels(config.model, modelsFolder, log.warn)
  const postgres = await openPostgres(databaseUrl, log.warn)
  const gradients = join(config.dataDirectory, 'gradients')
  const computer = createComputer({ models, gradients, device: config.device, warn: log.warn })
  let stop = async () => {}
  let isLeaving = false
  const leave = async () => {
    if (isLeaving) return
    isLeaving = true
    await Promise.race([Promise.allSettled([stop(), computer.close()]), sleep(6000)])
    await Promise.race([postgres.close(), sleep(1000)])
    process.exit(0)
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void leave())
  if (process.argv.includes('--leave-with-parent')) {
    const parent = process.ppid
    setInterval(() => process.ppid !== parent && void leave(), 500).unref()
  }

  await waitForTables(postgres, log.warn)
  const served = await findServed(postgres, models, log.warn)
  const device = await warm(computer.run, models)
  computer.use(device)
  const boss = await openBoss({ postgres, isKeeper: false, log: log.error })
  const serving = await serve({
    postgres,
    boss,
    run: computer.run,
    name: hostname(),
    models: served,
    device,
    loaded: models.usual,
    log: log.error,
  })
  stop = serving.stop
  log.info(`Ready, on ${device}, with ${served.map((model) => model.name).join(', ')}.`)
}

/** The models here, except those that other workers have under the same name with other files. @throws UserError */
async function findServed(
  postgres: Postgres,
  { names, locate }: UsableModels,
  warn: (line: string) => void,
): Promise<readonly ServedModel[]> {
  const identify = async (name: string) => ({ name, hash: await identityOf(locate(name), modelsFolder) })
  const all = await Promise.all(names.map(identify))
  const foreign = await findForeign(postgres, all, Date.now())
  for (const name of foreign) {
    warn(`Other workers have other files as “${name}”, so it is not served here: use the same files or another name.`)
  }
  const served = all.filter(({ name }) => !foreign.includes(name))
  if (served.length > 0) return served
  throw new UserError('No model here has the same files as on other workers; use the same files or other names.')
}

function deviceOf(given: readonly string[]): string | undefined {
  const options = { device: { type: 'string' }, 'leave-with-parent': { type: 'boolean' } } as const
  try {
    return parseArgs({ args: [...given], options }).values.device
  } catch (error) {
    throw new UserError(`${error instanceof Error ? error.message : error} Expected \`--device\`, such as \`cuda:1\`.`)
  }
}

async function waitForTables(postgres: Postgres, warn: (line: string) => void): Promise<void> {
  for (let tries = 0; !(await hasTables(postgres)); tries++) {
    if (tries === 0) warn('No bot has used this Postgres yet; waiting for one.')
    await sleep(1000)
  }
}
