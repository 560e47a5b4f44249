import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Postgres } from '../store/postgres.ts'
import type { Boss } from './boss.ts'
import { claimJob, type Running } from './claim-job.ts'
import { createDurations } from './durations.ts'
import { putBack } from './end-job.ts'
import { deviceOf, performClaimed } from './perform-claimed.ts'
import { jobQueueOf } from './queue-names.ts'
import type { Run } from './worker-client.ts'
import { forgetWorker, type ServedModel, tellWorker } from './workers.ts'

interface ServeOptions {
  readonly postgres: Postgres
  readonly boss: Boss
  /** Computes; one job at a time. */
  readonly run: Run
  /** Of this machine, for lists. */
  readonly name: string
  readonly models: readonly ServedModel[]
  readonly device?: string
  /** The model that is loaded already. */
  readonly loaded?: string
  readonly log: (sentence: string, error: unknown) => void
  /** How long another model's jobs wait for a worker that has it loaded. @default 30_000 */
  readonly longestWaitMilliseconds?: number
  /** @default 1000 */
  readonly pollMilliseconds?: number
}

export interface Serving {
  readonly isBusy: () => boolean
  /** Takes no more jobs; the running one is put back, not counted as an attempt. Resolves when that is written. */
  readonly stop: () => Promise<void>
}

/** The worker's side of a queue that several processes share: one job after the other, until it is stopped. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { postgres, boss, log } = options
  const queues = options.models.map(({ name }) => jobQueueOf(name))
  for (const queue of queues) await boss.createQueue(queue)
  const worker = createWorkerLoop(options)
  const stopSigns = await giveLifeSigns(worker.tell)
  const unlisten = [
    await postgres.listen('isto_work', (queue) => {
      if (queue === '' || queues.includes(queue)) worker.wake()
    }),
    await postgres.listen('isto_cancel', worker.cancel),
  ]
  const looped = worker.loop()
  return {
    isBusy: () => worker.running() !== undefined,
    stop: async () => {
      stopSigns()
      const running = worker.end()
      if (running) {
        running.controller.abort(new Error('Put back for another worker.'))
        await putBack(postgres, boss, running.claim, running.turn).catch((error: unknown) =>
          log('The running job could not be put back.', error),
        )
      }
      await Promise.race([looped, sleep(4000)])
      await forgetWorker(postgres, worker.id).catch(() => {})
      await Promise.allSettled(unlisten.map((end) => end()))
      await boss.stop()
    },
  }
}

async function giveLifeSigns(tell: () => Promise<void>): Promise<() => void> {
  await tell()
  const signs = setInterval(() => void tell().catch(() => {}), lifeSignMilliseconds)
  return () => clearInterval(signs)
}

const lifeSignMilliseconds = 5000

/** Claims and performs one job after the other. */
function createWorkerLoop(options: ServeOptions) {
  const { postgres, boss, name, models, log, longestWaitMilliseconds = 30_000, pollMilliseconds = 1000 } = options
  const id = randomUUID()
  const durations = createDurations(Date.now)
  let { device, loaded } = options
  let running: Running | undefined
  let isOver = false
  let wake = () => {}

  const names = models.map((model) => model.name)
  const tell = () => {
    const facts = { id, name, models, ...(device && { device }), ...(loaded && { loaded }) }
    return tellWorker(postgres, facts, Date.now())
  }
  const learn = (now: { readonly loaded: string; readonly device: string | undefined }) => {
    if (loaded === now.loaded && device === now.device) return
    loaded = now.loaded
    device = now.device
    // The next sign of life tells it at the latest.
    void tell().catch(() => {})
  }

  /** @returns whether there was a job */
  const next = async (): Promise<boolean> => {
    try {
      running = await claimJob({ postgres, boss, id, models: names, loaded, longestWaitMilliseconds })
      if (!running) return false
      const outcome = await performClaimed(running, { ...options, durations, device })
      if (outcome?.type === 'done') learn({ loaded: running.model, device: deviceOf(outcome) ?? device })
      return true
    } catch (error) {
      log('A job could not be taken.', error)
      return false
    } finally {
      running = undefined
    }
  }

  const loop = async () => {
    while (!isOver) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      if (!(await next())) await Promise.race([woken, sleep(pollMilliseconds)])
    }
  }

  return {
    id,
    tell,
    loop,
    running: () => running,
    wake: () => wake(),
    cancel: (ticketId: string) => {
      if (running?.ticketId === ticketId) running.controller.abort(new Error('Cancelled.'))
    },
    /** Takes no more jobs. @returns the running one */
    end: () => {
      isOver = true
      wake()
      return running
    },
  }
}
