import type { GatewayStatus } from '../discord/gateway/gateway-status.ts'
import type { Job } from '../jobs/protocol.ts'
import type { Outcome, QueueHandlers, WorkerFacts } from '../jobs/ticket.ts'
import type { Run } from '../jobs/worker-client.ts'
import type { Usage } from '../store/results.ts'

/** The bot's state at one moment. Times in seconds. */
export interface Signs {
  readonly gateway: { readonly isConnected: boolean; readonly goneFor: number; readonly heartbeatAge?: number }
  /** `silentFor`: how long a busy worker has given no sign of life. `endsInARow`: since it last finished a job. */
  readonly worker: {
    readonly isAlive: boolean
    readonly isBusy: boolean
    readonly silentFor: number
    readonly ends: number
    readonly endsInARow: number
  }
  /** The device of the last job. */
  readonly device?: string
  /** Jobs that wait or run. */
  readonly queueLength: number
  /** Those elsewhere that compute; absent where this process does it. */
  readonly workers?: readonly WorkerFacts[]
  readonly usage?: Usage
  readonly jobs: Readonly<Record<Outcome['type'], number>>
}

export interface Vitals {
  /** The same function, observed. */
  readonly watchRun: (run: Run) => Run
  readonly watchHandlers: <FollowUp>(handlers: QueueHandlers<FollowUp>) => QueueHandlers<FollowUp>
  /** To be called when the worker's process ends unexpectedly. */
  readonly workerEnded: () => void
  readonly read: (
    outside: { readonly gatewayStatus: GatewayStatus } & Pick<Signs, 'queueLength' | 'workers' | 'usage'>,
  ) => Signs
}

/**
 * Counts what happens, for /healthz and /metrics. Reading it changes nothing.
 *
 * @param observe Told how long each finished job ran.
 * @param now In milliseconds since 1970.
 */
export function createVitals(
  observe: (kind: Job['kind'], seconds: number) => void,
  now: () => number = Date.now,
): Vitals {
  const jobs = { done: 0, failed: 0, stopped: 0 }
  let isAlive = true
  let ends = 0
  let endsInARow = 0
  let lifeSignAt: number | undefined
  let device: string | undefined

  const watchRun =
    (run: Run): Run =>
    async (job, options = {}) => {
      const startedAt = now()
      // A worker that ended is started again for the next job.
      isAlive = true
      lifeSignAt = startedAt
      try {
        const result = await run(job, {
          ...options,
          onProgress: (progress) => {
            lifeSignAt = now()
            isAlive = true
            options.onProgress?.(progress)
          },
        })
        endsInARow = 0
        device = result.report.device
        observe(job.kind, (now() - startedAt) / 1000)
        return result
      } finally {
        lifeSignAt = undefined
      }
    }

  return {
    watchRun,
    watchHandlers: (handlers) => ({
      ...handlers,
      onEnd: (ticket, outcome) => {
        jobs[outcome.type]++
        return handlers.onEnd(ticket, outcome)
      },
    }),
    workerEnded: () => {
      isAlive = false
      ends++
      endsInARow++
    },
    read: ({ gatewayStatus: { lostAt, heartbeatAt }, queueLength, workers, usage }) => {
      const since = (at: number | undefined) => (at === undefined ? 0 : Math.max(0, now() - at) / 1000)
      return {
        gateway: {
          isConnected: lostAt === undefined,
          goneFor: since(lostAt),
          heartbeatAge: heartbeatAt === undefined ? undefined : since(heartbeatAt),
        },
        worker: { isAlive, isBusy: lifeSignAt !== undefined, silentFor: since(lifeSignAt), ends, endsInARow },
        device,
        queueLength,
        workers,
        usage,
        jobs: { ...jobs },
      }
    },
  }
}
