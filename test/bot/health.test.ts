import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Health, startHealth } from '../../src/bot/health.ts'
import { createMetrics } from '../../src/bot/metrics.ts'
import { createVitals } from '../../src/bot/vitals.ts'
import type { GatewayStatus } from '../../src/discord/gateway/gateway-status.ts'
import { UserError } from '../../src/errors.ts'
import type { Job, JobResult } from '../../src/jobs/protocol.ts'
import type { QueueHandlers, Ticket, WorkerFacts } from '../../src/jobs/ticket.ts'
import type { Run, RunOptions } from '../../src/jobs/worker-client.ts'

const start = 1_000_000_000_000
let clock = start
let gatewayStatus: GatewayStatus = {}
let queueLength = 0
let workers: readonly WorkerFacts[] | undefined
const metrics = createMetrics()
const vitals = createVitals(metrics.observe, () => clock)
let health: Health

before(async () => {
  health = await startHealth({
    port: 0,
    host: '127.0.0.1',
    read: async () => vitals.read({ gatewayStatus, queueLength, ...(workers && { workers }) }),
    metrics,
  })
})
after(async () => {
  metrics.close()
  await health.close()
})

const wait = (seconds: number) => {
  clock += seconds * 1000
}

async function healthz(): Promise<{ status: number; faults: string[] }> {
  const response = await fetch(`${health.origin}/healthz`)
  return { status: response.status, faults: ((await response.json()) as { faults: string[] }).faults }
}

/** Value by name and labels; fails on a line that is not Prometheus's text format. */
async function numbers(): Promise<Record<string, number>> {
  const response = await fetch(`${health.origin}/metrics`)
  assert.match(response.headers.get('content-type')!, /^text\/plain; version=0\.0\.4/)
  const text = await response.text()
  assert.ok(text.endsWith('\n'))
  const found: Record<string, number> = {}
  const described = new Set<string>()
  for (const line of text.split('\n').filter(Boolean)) {
    const comment = /^# (?:HELP|TYPE) ([a-z_]+) .+$/.exec(line)
    if (comment) {
      described.add(comment[1]!)
      continue
    }
    const sample = /^([a-z_]+)((?:\{[a-z]\w*="[^"\\]*"(?:,[a-z]\w*="[^"\\]*")*\})?) (-?[\d.]+(?:e[+-]?\d+)?)$/.exec(
      line,
    )
    assert.ok(sample, line)
    const [, name, labels, value] = sample
    assert.ok(described.has(name!.replace(/_(bucket|sum|count)$/, '')) || described.has(name!), `${name} is described`)
    found[`${name}${labels}`] = Number(value)
  }
  return found
}

const options = { model: 'emoji', mode: 'fast', seed: 0 } as const
const analogy: Job = { kind: 'analogy', pairs: [], b: new Uint8Array(), options }
const result: JobResult = {
  report: { model: 'emoji', mode: 'fast', seed: 0, seconds: {}, peakRssBytes: 0, device: 'cuda' },
  notices: [],
}

/** A job under way, which the test ends. */
function begin(job: Job) {
  const work = Promise.withResolvers<JobResult>()
  let heard: RunOptions = {}
  const run: Run = (_, given = {}) => {
    heard = given
    return work.promise
  }
  const seen: unknown[] = []
  const ended = vitals.watchRun(run)(job, { onProgress: (progress) => seen.push(progress) })
  return {
    seen,
    progress: () => heard.onProgress?.({ stage: 'learn', step: 1, of: 2 }),
    done: async () => {
      work.resolve(result)
      assert.equal(await ended, result)
    },
    failed: async () => {
      work.reject(new Error('no such tensor'))
      await assert.rejects(ended, /no such tensor/)
    },
  }
}

test('a bot that is well says so', async () => {
  assert.deepEqual(await healthz(), { status: 200, faults: [] })
  const { isto_healthy, isto_gateway_connected, isto_worker_alive, isto_worker_busy } = await numbers()
  assert.deepEqual(
    { isto_healthy, isto_gateway_connected, isto_worker_alive, isto_worker_busy },
    { isto_healthy: 1, isto_gateway_connected: 1, isto_worker_alive: 1, isto_worker_busy: 0 },
  )
})

test('a session that is gone is a fault after a minute', async () => {
  gatewayStatus = { lostAt: clock, heartbeatAt: clock - 30_000 }
  wait(59)
  assert.equal((await healthz()).status, 200)
  const { isto_gateway_connected, isto_gateway_heartbeat_age_seconds } = await numbers()
  assert.equal(isto_gateway_connected, 0)
  assert.equal(isto_gateway_heartbeat_age_seconds, 89)
  wait(1)
  assert.deepEqual(await healthz(), { status: 503, faults: ['Discord has been gone for 60 s.'] })
  assert.equal((await numbers()).isto_healthy, 0)
  gatewayStatus = { heartbeatAt: clock }
  assert.equal((await healthz()).status, 200)
})

test('a worker that gives no sign of life while it works is a fault, an idle one is not', async () => {
  wait(10_000)
  assert.equal((await healthz()).status, 200)
  const job = begin(analogy)
  wait(329)
  job.progress()
  assert.equal(job.seen.length, 1)
  wait(329)
  assert.equal((await healthz()).status, 200)
  assert.equal((await numbers()).isto_worker_silence_seconds, 329)
  wait(1)
  assert.deepEqual(await healthz(), { status: 503, faults: ['The worker has been silent for 330 s.'] })
  await job.failed()
  assert.equal((await healthz()).status, 200)
})

test('a worker that ends again and again is a fault until a job is done', async () => {
  vitals.workerEnded()
  vitals.workerEnded()
  assert.equal((await healthz()).status, 200)
  assert.equal((await numbers()).isto_worker_alive, 0)
  const first = begin(analogy)
  vitals.workerEnded()
  await first.failed()
  assert.deepEqual(await healthz(), {
    status: 503,
    faults: ['The worker ended 3 times without finishing a job.'],
  })
  const second = begin(analogy)
  assert.equal((await numbers()).isto_worker_alive, 1)
  await second.done()
  assert.equal((await healthz()).status, 200)
  assert.equal((await numbers()).isto_worker_ends_total, 3)
})

test('jobs are counted by how they ended, and timed', async () => {
  const before = (await numbers())['isto_job_duration_seconds_count{kind="learn"}'] ?? 0
  assert.equal(before, 0)
  for (const seconds of [4, 30]) {
    const job = begin({ kind: 'learn', pairs: [], options })
    wait(seconds)
    await job.done()
  }
  const told: unknown[] = []
  const handlers: QueueHandlers = {
    onPosition: () => {},
    onProgress: () => {},
    onEnd: async (_, outcome) => void told.push(outcome.type),
    onInterrupted: async () => {},
  }
  const { onEnd } = vitals.watchHandlers(handlers)
  const ticket = {} as Ticket
  await onEnd(ticket, { type: 'done', result })
  await onEnd(ticket, { type: 'done', result })
  await onEnd(ticket, { type: 'stopped', reason: 'Cancelled.' })
  assert.deepEqual(told, ['done', 'done', 'stopped'])
  queueLength = 7
  const found = await numbers()
  assert.equal(found['isto_jobs_total{outcome="done"}'], 2)
  assert.equal(found['isto_jobs_total{outcome="failed"}'], 0)
  assert.equal(found['isto_jobs_total{outcome="stopped"}'], 1)
  assert.equal(found.isto_queue_jobs, 7)
  assert.equal(found['isto_device_info{device="cuda"}'], 1)
  const bucket = (bound: string) => found[`isto_job_duration_seconds_bucket{le="${bound}",kind="learn"}`]
  assert.deepEqual(['5', '20', '40', '+Inf'].map(bucket), [1, 1, 2, 2])
  assert.equal(found['isto_job_duration_seconds_sum{kind="learn"}'], 34)
})

test('a blocked event loop is seen, also when the health was asked for meanwhile', async () => {
  const breathe = () => new Promise((resolve) => setTimeout(resolve, 50))
  await numbers()
  await breathe()
  const until = performance.now() + 200
  while (performance.now() < until);
  await breathe()
  await healthz()
  const found = await numbers()
  const longest = found['isto_event_loop_delay_seconds{quantile="1"}']!
  assert.ok(longest > 0.15 && longest < 5, `${longest} s`)
  assert.ok(found.process_resident_memory_bytes! > 10_000_000)
  assert.ok(found.process_cpu_seconds_total! > 0)
})

test('nothing else is served', async () => {
  assert.equal((await fetch(`${health.origin}/`)).status, 404)
  assert.equal((await fetch(`${health.origin}/healthz`, { method: 'POST' })).status, 405)
  assert.equal((await fetch(`${health.origin}/healthz?verbose`, { method: 'HEAD' })).status, 200)
})

test('workers on other machines are counted by device and by what they do; without one it is not healthy', async () => {
  const worker = (id: string, device: string, isBusy: boolean) => ({ id, name: id, models: ['emoji'], device, isBusy })
  workers = [worker('a', 'cuda', true), worker('b', 'cuda', false), worker('c', 'cuda', false)]
  const found = await numbers()
  assert.deepEqual(
    [found['isto_workers{device="cuda",busy="true"}'], found['isto_workers{device="cuda",busy="false"}']],
    [1, 2],
  )
  workers = []
  assert.ok((await healthz()).faults.includes('No worker is connected.'))
  assert.equal((await numbers())['isto_workers{device="cuda",busy="true"}'], undefined)
  workers = undefined
})

test('a port that is taken is named', async () => {
  const port = Number(new URL(health.origin).port)
  await assert.rejects(
    startHealth({ port, host: '127.0.0.1', read: () => assert.fail(), metrics }),
    (error: Error) => error instanceof UserError && error.message.includes(String(port)),
  )
})
