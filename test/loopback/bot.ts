import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { commands } from '../../commands/index.ts'
import type { FollowUp } from '../../src/discord/delivery/result-action.ts'
import { connect } from '../../src/discord/gateway/connect.ts'
import { fetchAttachment } from '../../src/discord/interaction/attachments.ts'
import type { Job, JobResult, Progress } from '../../src/jobs/protocol.ts'
import { createQueue } from '../../src/jobs/queue.ts'
import type { Run } from '../../src/jobs/worker-client.ts'
import { openStore, type Store } from '../../src/store/open.ts'
import { type Loopback, startLoopback, token, until } from './discord.ts'

/** One job under way, and what the worker may say about it. */
export interface Work {
  readonly job: Job
  readonly progress: (progress: Progress) => void
  readonly done: (result?: Partial<JobResult>) => void
  readonly failed: (error: Error) => void
}

export interface Bot {
  readonly discord: Loopback
  readonly store: Store
  readonly log: string[]
  readonly lost: string[]
  /** Ends the bot as SIGTERM does; what waits stays on disk. The loopback and the data stay. */
  readonly stop: () => Promise<void>
  readonly close: () => Promise<void>
  /** Every command so far has been answered, and every job told of. */
  readonly settled: () => Promise<void>
  /** The next job that reaches the worker. */
  readonly work: () => Promise<Work>
}

export interface BotOptions {
  readonly limitBytes?: number
  /** A loopback and a data folder to go on with, from a bot that was stopped. */
  readonly discord?: Loopback
  readonly dataDirectory?: string
  readonly models?: readonly string[]
}

/** The bot's own parts in this process, on a loopback Discord, with the real store and queue, and a worker that does what the test says. */
export async function startBot(options: BotOptions = {}): Promise<Bot> {
  const discord = options.discord ?? (await startLoopback())
  const dataDirectory = options.dataDirectory ?? mkdtempSync(join(tmpdir(), 'isto-'))
  const waiting: Work[] = []
  const run: Run = (job, { signal, onProgress } = {}) =>
    new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
      const report = { model: 'emoji', mode: 'fast', seed: job.options.seed, seconds: {}, peakRssBytes: 0 } as const
      const difference = job.kind === 'apply' ? undefined : new Uint8Array([9, 9, 9])
      waiting.push({
        job,
        progress: (progress) => onProgress?.(progress),
        done: (result) => resolve({ image: new Uint8Array([4]), difference, report, notices: [], ...result }),
        failed: reject,
      })
    })
  const log: string[] = []
  const lost: string[] = []
  const store = await openStore(dataDirectory)
  const queue = createQueue<FollowUp>({ run, tickets: store.tickets, log: (line) => log.push(line) })
  const connection = await connect({
    token,
    apiUrl: discord.apiUrl,
    commands,
    everyMilliseconds: 50,
    log: (line) => log.push(line),
    onLost: (reason) => lost.push(reason),
    services: {
      queue,
      store,
      models: { names: options.models ?? ['emoji'], usual: 'emoji', knows: { emoji: 'emoji, and no photographs' } },
      fetchAttachment: (label, attachment, kind) =>
        fetchAttachment(label, attachment, {
          origins: [discord.origin],
          kind,
          limitBytes: options.limitBytes,
          timeoutMilliseconds: 2000,
        }),
    },
  })
  await queue.open(connection.notifier)
  const settled = async () => {
    await connection.settled()
    // A ticket leaves the disk when its owner has been told.
    for (let tries = 0; (await store.tickets.all()).length > 0; tries++) {
      if (tries > 1000) throw new Error('Waited in vain for the end of every job.')
      await sleep(10)
    }
  }
  const stop = async () => {
    await queue.park()
    await connection.notifier.close()
    await connection.close()
    await store.close()
  }
  return {
    discord,
    store,
    log,
    lost,
    settled,
    stop,
    work: async () => {
      await until(() => waiting.length > 0, 'a job')
      return waiting.shift()!
    },
    close: async () => {
      await stop()
      await discord.close()
      rmSync(dataDirectory, { recursive: true })
    },
  }
}
