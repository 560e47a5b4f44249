import { setTimeout as sleep } from 'node:timers/promises'
import type { Postgres } from '../store/postgres.ts'
import type { Boss } from './boss.ts'
import type { Running } from './claim-job.ts'
import type { Durations, Stopwatch } from './durations.ts'
import { endClaimed } from './end-job.ts'
import { createProgressWriter, type ProgressWriter } from './progress-writer.ts'
import type { Job, Progress } from './protocol.ts'
import { noteSeconds } from './shared-durations.ts'
import { readJob } from './shared-tickets.ts'
import type { Outcome } from './ticket.ts'
import type { Run } from './worker-client.ts'

interface PerformOptions {
  readonly postgres: Postgres
  readonly boss: Boss
  readonly run: Run
  readonly durations: Durations
  /** The device that jobs were computed on so far. */
  readonly device: string | undefined
  readonly log: (sentence: string, error: unknown) => void
}

/**
 * Computes a job and writes down what came of it, unless it was cancelled or taken away. Meanwhile the parent gives its
 * signs of life.
 *
 * @returns what came of it; undefined if it is not ours any more
 */
export async function performClaimed(running: Running, options: PerformOptions): Promise<Outcome | undefined> {
  const { postgres, boss, durations, log } = options
  const { claim, controller, ticketId, group } = running
  const job = await readJob(postgres, ticketId)
  if (!job) return undefined
  const stopwatch = durations.start(job)
  const startedAt = performance.now()
  const progress = createProgressWriter(postgres, ticketId, group, (error) => log('Progress could not be told.', error))
  const beat = setInterval(() => {
    boss.touch(claim).then(
      (isOurs) => isOurs || controller.abort(new Error('The job was taken away.')),
      // A Postgres that can't be reached says nothing about the job.
      () => {},
    )
  }, beatMilliseconds)
  try {
    const outcome = await compute(job, controller.signal, stopwatch, progress, options.run)
    await progress.stop()
    if (controller.signal.aborted) return undefined
    const seconds = (performance.now() - startedAt) / 1000
    const device = deviceOf(outcome) ?? options.device ?? 'unknown'
    const write = () =>
      postgres.transaction(async (at) => {
        const isOurs = await endClaimed(at, boss, claim, outcome)
        if (isOurs && outcome.type === 'done') await noteSeconds(at, job, device, seconds)
      })
    await persistently(write, (error) => log('A result could not be written; trying again.', error))
    return outcome
  } finally {
    clearInterval(beat)
  }
}

/** The device that an outcome was computed on. */
export const deviceOf = (outcome: Outcome): string | undefined =>
  outcome.type === 'done' ? outcome.result.report.device : undefined

async function compute(
  job: Job,
  signal: AbortSignal,
  stopwatch: Stopwatch,
  progress: ProgressWriter,
  run: Run,
): Promise<Outcome> {
  try {
    const onProgress = (given: Progress) => {
      stopwatch.see(given)
      progress.push(given, stopwatch.secondsLeft())
    }
    const result = await run(job, { signal, onProgress })
    stopwatch.finish()
    return { type: 'done', result }
  } catch (error) {
    return { type: 'failed', error: error instanceof Error ? error : new Error(String(error)) }
  }
}

/** Until it is done, or was done by another: what took minutes to compute is worth some tries. */
async function persistently(work: () => Promise<void>, onError: (error: unknown) => void): Promise<void> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      onError(error)
      await sleep(retryMilliseconds)
    }
  }
}

/** A worker's heartbeat for its job, well before pg-boss takes it for lost. */
const beatMilliseconds = 3000
const retryMilliseconds = 500
