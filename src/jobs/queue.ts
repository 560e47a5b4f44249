import PQueue from 'p-queue'
import { UserError } from '../errors.ts'
import { english, type Sentence } from '../sentence.ts'
import { callHandler } from './call-handler.ts'
import { createDeliveries } from './deliveries.ts'
import { createDurations } from './durations.ts'
import { createFairQueue, type PQueueQueue } from './fair-queue.ts'
import { checkLimits, type Limits } from './limits.ts'
import { withTodaysNames } from './old-tickets.ts'
import { createPositions } from './positions.ts'
import type { Progress } from './protocol.ts'
import {
  dayMilliseconds,
  gaveUp,
  type Outcome,
  type Queue,
  type QueueHandlers,
  restarting,
  type Ticket,
  tooOld,
} from './ticket.ts'
import {
  createEntry,
  createTicketWriter,
  type ExpectedRecord,
  type QueueEntry,
  stored,
  type TicketRecord,
  type TicketStorage,
} from './ticket-storage.ts'
import type { Waiting } from './turns.ts'
import type { Run } from './worker-client.ts'

export interface QueueOptions {
  readonly run: Run
  readonly tickets: TicketStorage
  /** Told what went wrong besides the jobs themselves: a disk that can't be written, a handler that failed. */
  readonly log: (sentence: string, error: unknown) => void
  readonly limits?: Limits
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number
}

/** One job at a time, in fair order (turns.ts). */
export function createQueue<FollowUp>({ run, tickets, log, limits, now = Date.now }: QueueOptions): Queue<FollowUp> {
  type Entry = QueueEntry<FollowUp>
  const durations = createDurations(now)
  const fair = createFairQueue()
  const waiting = new PQueue<PQueueQueue, Partial<Waiting>>({
    concurrency: 1,
    autoStart: false,
    queueClass: fair.queueClass,
  })
  const entries = new Map<string, Entry>()
  /** Commands that are not jobs yet. */
  const awaited = new Set<string>()
  const writer = createTicketWriter<FollowUp>(tickets)
  const { keep } = writer
  const deliveries = createDeliveries<FollowUp>({ tickets, writer, log })
  let running: Entry | undefined
  let handlers: QueueHandlers<FollowUp> | undefined
  let isParked = false

  const inOrder = () => [
    ...(running?.state === 'running' ? [running] : []),
    ...fair.order().map((id) => entries.get(id)!),
  ]
  const positions = createPositions<FollowUp>({ durations, inOrder, log })
  const tellPositions = () => positions.tell(handlers?.onPosition)

  const open: Queue<FollowUp>['open'] = async (given) => {
    handlers = given
    deliveries.open(given)
    const stored = await tickets.all<TicketRecord<FollowUp> | ExpectedRecord<FollowUp>>()
    const all = stored.map(withTodaysNames)
    const records = all.filter((record) => 'ticket' in record)
    for (const record of records.sort((one, other) => one.ticket.placedAt - other.ticket.placedAt)) resume(record)
    for (const record of all) if ('expected' in record) deliveries.interrupt(record.expected)
    waiting.start()
    tellPositions()
  }

  const resume = (record: TicketRecord<FollowUp>) => {
    const entry = createEntry(record.ticket, record.attempts)
    if (record.outcome) return void deliveries.deliverAgain(entry, record.outcome, record.deliveries ?? 1)
    if (record.state === 'running' && record.attempts >= MOST_ATTEMPTS) return void end(entry, letGo(gaveUp))
    if (isTooOld(record.ticket)) return void end(entry, letGo(tooOld))
    entries.set(record.ticket.id, entry)
    enqueue(entry)
  }

  const expect: Queue<FollowUp>['expect'] = async (expected) => {
    if (isParked) throw new UserError(restarting)
    awaited.add(expected.id)
    await tickets.put(expected.id, { expected })
  }

  const release: Queue<FollowUp>['release'] = async (id) => {
    if (awaited.delete(id)) await tickets.remove(id)
  }

  const add: Queue<FollowUp>['add'] = async (ticket, shares = {}) => {
    if (!handlers) throw new Error('The queue has to be opened first.')
    if (isParked) throw new UserError(restarting)
    if (entries.has(ticket.id)) throw new Error(`The ticket ${ticket.id} is in the queue already.`)
    const placed = [...entries.values()].map((entry) => entry.ticket)
    const { person = limits?.person, scope = limits?.scope } = shares
    checkLimits(ticket, placed, positions.now(), { ...limits, person, scope })
    const entry = createEntry(ticket, 0)
    entries.set(ticket.id, entry)
    try {
      await keep(entry)
    } catch (error) {
      entries.delete(ticket.id)
      throw error
    }
    awaited.delete(ticket.id)
    // It may have been cancelled in the meantime.
    if (entry.state === 'waiting') enqueue(entry)
    tellPositions()
  }

  const enqueue = (entry: Entry) => {
    const { id, scope, person } = entry.ticket
    void waiting.add(() => serve(entry), { id, scope, person })
  }

  const serve = async (entry: Entry) => {
    if (isTooOld(entry.ticket)) return end(entry, letGo(tooOld))
    const { ticket, controller } = entry
    const stopwatch = durations.start(ticket.job)
    running = entry
    Object.assign(entry, { state: 'running', attempts: entry.attempts + 1, stopwatch })
    tellPositions()
    await keep(entry).catch((error: unknown) => log('An attempt could not be stored.', error))
    const onProgress = (progress: Progress) => {
      if (entry.state !== 'running') return
      stopwatch.see(progress)
      callHandler(() => handlers?.onProgress(ticket, progress, stopwatch.secondsLeft()), log)
    }
    let outcome: Outcome
    try {
      outcome = { type: 'done', result: await run(ticket.job, { signal: controller.signal, onProgress }) }
      stopwatch.finish()
    } catch (error) {
      outcome = { type: 'failed', error: error instanceof Error ? error : new Error(String(error)) }
    }
    running = undefined
    // Otherwise it was cancelled or put back, and the outcome of the run doesn't matter.
    if (entry.state === 'running') await end(entry, outcome)
  }

  /** Decided at once; resolves when it is on disk. */
  const end = async (entry: Entry, outcome: Outcome) => {
    const { id } = entry.ticket
    entry.state = 'ended'
    entries.delete(id)
    fair.remove(id)
    tellPositions()
    await keep(entry, stored(outcome), 1).catch((error: unknown) => log('A result could not be stored.', error))
    deliveries.deliver(entry, outcome)
  }

  const cancel: Queue['cancel'] = async (id, reason) => {
    const entry = entries.get(id)
    if (!entry) return false
    void end(entry, stopped(reason))
    entry.controller.abort(new Error(english(reason)))
    return true
  }

  const park: Queue['park'] = async () => {
    isParked = true
    deliveries.stop()
    waiting.pause()
    if (running?.state === 'running') {
      const entry = running
      Object.assign(entry, { state: 'waiting', attempts: entry.attempts - 1 })
      const kept = keep(entry).catch((error: unknown) => log('The running job could not be put back.', error))
      entry.controller.abort(new Error('Put back for the next start.'))
      await kept
    }
    await writer.settled()
  }

  const isTooOld = ({ placedAt }: Ticket) => now() - placedAt > dayMilliseconds

  return {
    open,
    expect,
    release,
    add,
    cancel,
    park,
    positions: async (scope) => positions.now().filter(({ ticket }) => ticket.scope === scope),
    positionsOf: async (person) => positions.now().filter(({ ticket }) => ticket.person === person),
    length: async () => entries.size,
    workers: async () => [],
  }
}

const MOST_ATTEMPTS = 2

/** @param canRetry Nobody wanted it stopped. */
const stopped = (reason: string | Sentence, canRetry = false) => ({
  type: 'stopped' as const,
  reason,
  ...(canRetry && { canRetry }),
})

const letGo = (reason: string | Sentence): Outcome => stopped(reason, true)
