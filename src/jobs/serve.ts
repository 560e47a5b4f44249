import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Postgres, Statements } from '../store/postgres.ts'
import type { Boss, Claim } from './boss.ts'
import { chooseQueue, type Head } from './choose-queue.ts'
import { createDurations, type Stopwatch } from './durations.ts'
import { createProgressWriter } from './progress-writer.ts'
import type { Job, Progress } from './protocol.ts'
import { deliveryQueueOf, jobQueueOf } from './queue-names.ts'
import { noteServed } from './shared-adding.ts'
import { noteSeconds } from './shared-durations.ts'
import { endTicket, readJob } from './shared-tickets.ts'
import { dayMilliseconds, type Outcome, tooOld, type WorkerFacts } from './ticket.ts'
import { forgetWorker, tellWorker } from './ticket-tables.ts'
import type { Waiting } from './turns.ts'
import type { Run } from './worker-client.ts'

interface ServeOptions {
  readonly postgres: Postgres
  readonly boss: Boss
  /** Computes; one job at a time. */
  readonly run: Run
  /** Of this machine, for lists. */
  readonly name: string
  readonly models: readonly string[]
  readonly device?: string
  /** The model that is loaded already. */
  readonly loaded?: string
  readonly log: (sentence: string, error: unknown) => void
  /** How long another model's jobs wait for a worker that has it loaded. @default 30_000 */
  readonly patienceMilliseconds?: number
  /** @default 1000 */
  readonly pollMilliseconds?: number
}

export interface Serving {
  readonly isBusy: () => boolean
  /** Takes no more jobs; the running one is put back, not counted as an attempt. Resolves when that is written. */
  readonly stop: () => Promise<void>
}

/** The worker's side of a line that several processes share: one job after the other, until it is stopped. */
export async function serve(options: ServeOptions): Promise<Serving> {
  const { postgres, boss, run, name, models, log, patienceMilliseconds = 30_000, pollMilliseconds = 1000 } = options
  const id = randomUUID()
  const durations = createDurations(Date.now)
  const modelOf = new Map(models.map((model) => [jobQueueOf(model), model]))
  let { device, loaded } = options
  let current: Running | undefined
  let isOver = false
  let wake = () => {}

  const tell = () => {
    const facts: WorkerFacts = {
      id,
      name,
      models,
      isBusy: current !== undefined,
      ...(device && { device }),
      ...(loaded && { loaded }),
    }
    return tellWorker(postgres, facts, Date.now())
  }

  /** Heads of the lines that this worker can serve. */
  const heads = async (): Promise<readonly Head[]> => {
    const rows = await postgres.query<{ queue: string; turn: string; placed_at: string }>(
      `SELECT DISTINCT ON (queue) queue, turn, placed_at FROM isto.tickets
       WHERE state = 'waiting' AND queue = ANY($1) ORDER BY queue, turn, placed_at`,
      [[...modelOf.keys()]],
    )
    return rows.map(({ queue, turn, placed_at }) => ({
      model: modelOf.get(queue)!,
      turn: Number(turn),
      placedAt: Number(placed_at),
    }))
  }

  const take = async (): Promise<Running | undefined> => {
    const chosen = chooseQueue(await heads(), loaded, Date.now(), patienceMilliseconds)
    // A worker that was killed left its job to pg-boss, which gives it to whoever asks.
    const lines = chosen ? [chosen] : models.toSorted((one) => (one === loaded ? -1 : 1))
    for (const model of lines) {
      const claimed = await postgres.transaction((at) => claim(at, boss, jobQueueOf(model), id))
      if (claimed) return { ...claimed, controller: new AbortController(), model }
    }
    return undefined
  }

  const perform = async (running: Running) => {
    const { claim: mine, controller, ticketId } = running
    const job = await readJob(postgres, ticketId)
    if (!job) return
    const stopwatch = durations.start(job)
    const startedAt = performance.now()
    const progress = createProgressWriter(postgres, ticketId, running.group, (error) =>
      log('Progress could not be told.', error),
    )
    const beat = setInterval(() => {
      boss.touch(mine).then(
        (isOurs) => isOurs || controller.abort(new Error('The job was taken away.')),
        // A Postgres that can't be reached says nothing about the job.
        () => {},
      )
    }, beatMilliseconds)
    try {
      const outcome = await compute(job, running, stopwatch, progress)
      await progress.stop()
      if (controller.signal.aborted) return
      const seconds = (performance.now() - startedAt) / 1000
      await persistently(() => finish(postgres, boss, running, job, outcome, device ?? 'unknown', seconds))
    } finally {
      clearInterval(beat)
    }
  }

  const compute = async (
    job: Job,
    { controller, model }: Running,
    stopwatch: Stopwatch,
    progress: ReturnType<typeof createProgressWriter>,
  ): Promise<Outcome> => {
    try {
      const onProgress = (given: Progress) => {
        stopwatch.see(given)
        progress.push(given, stopwatch.secondsLeft())
      }
      const result = await run(job, { signal: controller.signal, onProgress })
      stopwatch.finish()
      loaded = model
      device = result.report.device ?? device
      return { type: 'done', result }
    } catch (error) {
      return { type: 'failed', error: error instanceof Error ? error : new Error(String(error)) }
    }
  }

  /** Until it is done, or was done by another: what took minutes to compute is worth some patience. */
  const persistently = async (work: () => Promise<void>) => {
    for (;;) {
      try {
        return await work()
      } catch (error) {
        log('A result could not be written; trying again.', error)
        await sleep(retryMilliseconds)
      }
    }
  }

  const loop = async () => {
    while (!isOver) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      try {
        current = await take()
        if (current) {
          await tell().catch(() => {})
          await perform(current)
          current = undefined
          await tell().catch(() => {})
          continue
        }
      } catch (error) {
        current = undefined
        log('A job could not be taken.', error)
      }
      await Promise.race([woken, sleep(pollMilliseconds)])
    }
  }

  for (const queue of modelOf.keys()) await boss.createQueue(queue)
  await tell()
  const lifeSigns = setInterval(() => void tell().catch(() => {}), lifeSignMilliseconds)
  const unlisten = [
    await postgres.listen('isto_work', (queue) => {
      if (queue === '' || modelOf.has(queue)) wake()
    }),
    await postgres.listen('isto_cancel', (ticketId) => {
      if (current?.ticketId === ticketId) current.controller.abort(new Error('Cancelled.'))
    }),
  ]
  const looped = loop()

  return {
    isBusy: () => current !== undefined,
    stop: async () => {
      isOver = true
      clearInterval(lifeSigns)
      wake()
      const running = current
      if (running) {
        running.controller.abort(new Error('Put back for another worker.'))
        await putBack(postgres, boss, running).catch((error: unknown) =>
          log('The running job could not be put back.', error),
        )
      }
      await Promise.race([looped, sleep(4000)])
      await forgetWorker(postgres, id).catch(() => {})
      await Promise.allSettled(unlisten.map((end) => end()))
      await boss.stop()
    },
  }
}

/** A worker's heartbeat for its job, well within pg-boss's patience. */
const beatMilliseconds = 3000
const lifeSignMilliseconds = 5000
const retryMilliseconds = 500

interface Running {
  readonly claim: Claim
  readonly ticketId: string
  readonly group: string
  readonly turn: number
  readonly model: string
  readonly controller: AbortController
}

/** Takes the first job of a line, if there is one that is still wanted. */
async function claim(
  at: Statements,
  boss: Boss,
  queue: string,
  worker: string,
): Promise<Pick<Running, 'claim' | 'ticketId' | 'group' | 'turn'> | undefined> {
  const mine = await boss.fetch(at, queue)
  if (!mine) return undefined
  const { ticketId } = mine
  const [row] = await at.query<Waiting & { bot_group: string; turn: string; placed_at: string }>(
    `UPDATE isto.tickets SET state = 'running', worker = $2, started_at = $3
     WHERE id = $1 AND state IN ('waiting', 'running') RETURNING id, scope, person, bot_group, turn, placed_at`,
    [ticketId, worker, Date.now()],
  )
  if (row && Date.now() - Number(row.placed_at) <= dayMilliseconds) {
    await noteServed(at, row, Number(row.turn))
    await at.query(`SELECT pg_notify('isto_places', '')`)
    return { claim: mine, ticketId, group: row.bot_group, turn: Number(row.turn) }
  }
  await boss.complete(at, mine)
  if (row) await end(at, boss, ticketId, { type: 'stopped', reason: tooOld })
  return undefined
}

/** Result, completion and delivery, all or nothing; nothing where the job is no longer ours. */
async function finish(
  postgres: Postgres,
  boss: Boss,
  { claim: mine, ticketId }: Running,
  job: Job,
  outcome: Outcome,
  device: string,
  seconds: number,
): Promise<void> {
  await postgres.transaction(async (at) => {
    if (!(await boss.complete(at, mine))) return
    await end(at, boss, ticketId, outcome)
    if (outcome.type === 'done') await noteSeconds(at, job, device, seconds)
  })
}

async function end(at: Statements, boss: Boss, ticketId: string, outcome: Outcome): Promise<void> {
  const ended = await endTicket(at, ticketId, outcome)
  if (!ended) return
  await boss.send(at, deliveryQueueOf(ended.group), ticketId)
  await at.query(`SELECT pg_notify('isto_ended', $1)`, [ended.group])
}

/** The job waits again, for its first attempt if this was the first. */
async function putBack(postgres: Postgres, boss: Boss, { claim: mine, ticketId, turn }: Running): Promise<void> {
  await postgres.transaction(async (at) => {
    if (!(await boss.complete(at, mine))) return
    const jobId = randomUUID()
    const [row] = await at.query(
      `UPDATE isto.tickets SET state = 'waiting', job_id = $2, worker = NULL, started_at = NULL
       WHERE id = $1 AND state = 'running' RETURNING id`,
      [ticketId, jobId],
    )
    if (!row) return
    await boss.send(at, mine.queue, ticketId, { jobId, turn, retryLimit: Math.max(0, 1 - mine.retryCount) })
    await at.query(`SELECT pg_notify('isto_work', $1)`, [mine.queue])
  })
}
