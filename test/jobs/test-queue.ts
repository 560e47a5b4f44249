import { deserialize, serialize } from 'node:v8'
import type { Job, JobResult } from '../../src/jobs/protocol.ts'
import type { Outcome, Position, QueueHandlers, Ticket } from '../../src/jobs/ticket.ts'
import type { TicketRecord, TicketStorage } from '../../src/jobs/ticket-storage.ts'
import type { Run } from '../../src/jobs/worker-client.ts'

export const job = (model: string): Job => ({
  kind: 'bench-step',
  repeats: 1,
  options: { model, mode: 'fast', seed: 0 },
})

/** A ticket whose id is also its model. */
export const ticket = (id: string, more: Partial<Ticket> = {}): Ticket => ({
  id,
  person: 'ann',
  scope: 'server',
  job: job(id),
  followUp: { channel: '1' },
  placedAt: Date.now(),
  ...more,
})

export const result = (model: string): JobResult => ({
  image: new Uint8Array([1, 2, 3]),
  report: { model, mode: 'fast', seed: 0, seconds: {}, peakRssBytes: 0 },
  notices: [],
})

/** What a process leaves behind: bytes by id, as a disk would keep them. */
export function memoryTickets(disk = new Map<string, Uint8Array>()) {
  const read = (): TicketRecord[] => [...disk.values()].map((bytes) => deserialize(bytes))
  const tickets: TicketStorage = {
    put: async (id, record) => void disk.set(id, serialize(record)),
    remove: async (id) => void disk.delete(id),
    all: async <Record>() => read() as Record[],
  }
  return { disk, read, tickets }
}

/** A worker whose jobs end when the test says so. */
export function byHand() {
  const started: string[] = []
  const finish: (() => void)[] = []
  const progress: (() => void)[] = []
  const run: Run = (given, { signal, onProgress } = {}) =>
    new Promise<JobResult>((resolve, reject) => {
      started.push(given.options.model)
      progress.push(() => onProgress?.({ stage: 'load', step: 0, of: 1 }))
      signal?.addEventListener('abort', () => finish.push(() => reject(signal.reason)))
      finish.push(() => resolve(result(given.options.model)))
    })
  /** Ends what runs, or lets what was aborted see it. */
  const next = async () => {
    finish.shift()?.()
    await settled()
  }
  return { run, started, progress, next }
}

/** Several turns of the event loop: whatever needs no clock is done then. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await new Promise((resolve) => setImmediate(resolve))
}

/** Handlers that write down what they are told. */
export function witness(onEnd: QueueHandlers['onEnd'] = async () => {}) {
  const ends: string[] = []
  const outcomes = new Map<string, Outcome>()
  const positions = new Map<string, Position[]>()
  const progressed: string[] = []
  const interrupted: string[] = []
  const handlers: QueueHandlers = {
    onPosition: (place) => void positions.set(place.ticket.id, [...(positions.get(place.ticket.id) ?? []), place]),
    onProgress: ({ id }) => void progressed.push(id),
    onEnd: (given, outcome) => {
      ends.push(given.id)
      outcomes.set(given.id, outcome)
      return onEnd(given, outcome)
    },
    onInterrupted: async ({ id }) => void interrupted.push(id),
  }
  return { handlers, interrupted, ends, outcomes, positions, progressed }
}
