import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commands } from '../commands/index.ts'
import { type Config, readConfig } from './config.ts'
import { fetchAttachment } from './discord/attachments.ts'
import { Stopped } from './discord/cancel.ts'
import { connect } from './discord/connect.ts'
import { describe } from './discord/dispatch.ts'
import { UserError } from './errors.ts'
import { createQueue } from './jobs/queue.ts'
import { startWorker } from './jobs/worker-client.ts'

const log = (line: string) => console.error(line)

// Whatever nobody caught ends the process, but not with Node's own report: it would print tokens.
process.on('uncaughtException', (error) => {
  log(describe(error))
  process.exit(1)
})

try {
  const config = readConfig()
  if (config.token) await start(config, config.token)
  else tellWhereTokensComeFrom()
} catch (error) {
  if (!(error instanceof UserError)) throw error
  log(error.message)
  process.exit(2)
}

async function start(config: Config, token: string): Promise<void> {
  const worker = startWorker({
    path: new URL('jobs/worker.ts', import.meta.url),
    args: [join(config.dataDirectory, 'gradients')],
    onExit: (how) => log(`The worker ended (${how}).`),
  })
  const queue = createQueue(worker)
  const { apiUrl, applicationId, attachmentOrigins: origins, model } = config
  const connection = await connect({
    ...{ token, applicationId, apiUrl, commands, log },
    services: {
      queue,
      model,
      fetchAttachment: (label, attachment) => fetchAttachment(label, attachment, { origins }),
    },
    onLost: (reason) => {
      log(reason)
      void stop(1)
    },
  })
  console.log(`${connection.name} is on Discord. Add it to a server: ${connection.inviteUrl}`)

  let isStopping = false
  async function stop(exitCode: number): Promise<void> {
    if (isStopping) return
    isStopping = true
    queue.close(new Stopped('I am being restarted, so this was stopped. Please send it again in a minute.'))
    await worker.close()
    await Promise.race([connection.settled(), sleep(7000)])
    await Promise.race([connection.close(), sleep(1000)])
    process.exit(exitCode)
  }
  process.once('SIGTERM', () => void stop(0))
  process.once('SIGINT', () => void stop(0))
}

function tellWhereTokensComeFrom(): void {
  log('isto needs the token of a Discord bot.')
  log('1. Make one: https://discord.com/developers/applications → New Application → Bot → Reset Token.')
  log('2. Put it into the file .env as DISCORD_TOKEN=… (see .env.example), then run npm start again.')
  process.exitCode = 2
}
