import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { GatewayStatus } from '../discord/gateway/gateway-status.ts'
import type { Job } from '../jobs/protocol.ts'
import type { Outcome, QueueHandlers } from '../jobs/ticket.ts'
import type { Run } from '../jobs/worker-client.ts'

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
  /** What the last job was computed on. */
  readonly device?: string
  /** Jobs that wait or run. */
  readonly queueLength: number
  readonly jobs: Readonly<Record<Outcome['type'], number>>
  /** How long jobs ran, by kind. */
  readonly durations: ReadonlyMap<Job['kind'], Histogram>
  /** Since it was last asked for. */
  readonly eventLoopDelay: { readonly median: number; readonly p99: number; readonly max: number }
}

/** `counts[i]`: how many took at most `histogramBounds[i]` seconds. */
export interface Histogram {
  readonly counts: readonly number[]
  readonly sum: number
  readonly total: number
}

export const histogramBounds = [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560]

export interface Vitals {
  /** The same function, observed. */
  readonly watchRun: (run: Run) => Run
  readonly watchHandlers: <FollowUp>(handlers: QueueHandlers<FollowUp>) => QueueHandlers<FollowUp>
  /** To be called when the worker's process ends unexpectedly. */
  readonly workerEnded: () => void
  readonly read: (outside: { readonly gatewayStatus: GatewayStatus; readonly queueLength: number }) => Signs
  readonly close: () => void
}

/** Counts what happens, for /healthz and /metrics. @param now In milliseconds since 1970. */
export function createVitals(now: () => number = Date.now): Vitals {
  const delay = monitorEventLoopDelay({ resolution: resolutionMilliseconds })
  delay.enable()
  const jobs = { done: 0, failed: 0, stopped: 0 }
  const durations = new Map<Job['kind'], Histogram>()
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
        durations.set(job.kind, counted(durations.get(job.kind), (now() - startedAt) / 1000))
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
    read: ({ gatewayStatus: { lostAt, heartbeatAt }, queueLength }) => {
      const since = (at: number | undefined) => (at === undefined ? 0 : Math.max(0, now() - at) / 1000)
      // What is measured is the time between two ticks of a timer.
      const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - resolutionMilliseconds / 1000) || 0
      const eventLoopDelay = {
        ...{ median: seconds(delay.percentile(50)), p99: seconds(delay.percentile(99)), max: seconds(delay.max) },
      }
      delay.reset()
      return {
        gateway: {
          isConnected: lostAt === undefined,
          goneFor: since(lostAt),
          heartbeatAge: heartbeatAt === undefined ? undefined : since(heartbeatAt),
        },
        worker: { isAlive, isBusy: lifeSignAt !== undefined, silentFor: since(lifeSignAt), ends, endsInARow },
        ...{ device, queueLength, jobs: { ...jobs }, durations: new Map(durations), eventLoopDelay },
      }
    },
    close: () => void delay.disable(),
  }
}

const resolutionMilliseconds = 10

function counted(before: Histogram | undefined, seconds: number): Histogram {
  const { counts, sum, total } = before ?? { counts: histogramBounds.map(() => 0), sum: 0, total: 0 }
  return {
    counts: counts.map((count, index) => (seconds <= histogramBounds[index]! ? count + 1 : count)),
    sum: sum + seconds,
    total: total + 1,
  }
}
