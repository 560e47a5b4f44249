import { commands } from '../../commands/index.ts'
import { fetchAttachment } from '../../src/discord/attachments.ts'
import { connect } from '../../src/discord/connect.ts'
import type { Job, JobResult, Progress } from '../../src/jobs/protocol.ts'
import { createQueue } from '../../src/jobs/queue.ts'
import type { Run } from '../../src/jobs/worker-client.ts'
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
  readonly log: string[]
  readonly lost: string[]
  readonly close: () => Promise<void>
  readonly settled: () => Promise<void>
  /** The next job that reaches the worker. */
  readonly work: () => Promise<Work>
}

/** The bot's own parts in this process, on a loopback Discord, with a worker that does what the test says. */
export async function startBot({ limitBytes }: { limitBytes?: number } = {}): Promise<Bot> {
  const discord = await startLoopback()
  const waiting: Work[] = []
  const run: Run = (job, { signal, onProgress } = {}) =>
    new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(signal.reason))
      const report = { model: 'emoji', mode: 'fast', seed: job.options.seed, seconds: {}, peakRssBytes: 0 } as const
      waiting.push({
        job,
        progress: (progress) => onProgress?.(progress),
        done: (result) => resolve({ image: new Uint8Array([4]), report, notices: [], ...result }),
        failed: reject,
      })
    })
  const log: string[] = []
  const lost: string[] = []
  const connection = await connect({
    ...{ token, apiUrl: discord.apiUrl, commands, everyMilliseconds: 50 },
    log: (line) => log.push(line),
    onLost: (reason) => lost.push(reason),
    services: {
      queue: createQueue({ run }),
      model: 'emoji',
      fetchAttachment: (label, attachment) =>
        fetchAttachment(label, attachment, { origins: [discord.origin], limitBytes, timeoutMilliseconds: 2000 }),
    },
  })
  return {
    discord,
    log,
    lost,
    settled: connection.settled,
    work: async () => {
      await until(() => waiting.length > 0, 'a job')
      return waiting.shift()!
    },
    close: async () => {
      await connection.close()
      await discord.close()
    },
  }
}
