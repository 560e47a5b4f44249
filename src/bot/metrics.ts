import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Job } from '../jobs/protocol.ts'
import type { Signs } from './vitals.ts'

export interface Metrics {
  /** Records that a job of this kind took so many seconds. */
  readonly observe: (kind: Job['kind'], seconds: number) => void
  /**
   * Prometheus's text format, version 0.0.4. Every call is a scrape: it restarts the measurement of the event loop's
   * delay.
   */
  readonly collect: (signs: Signs, isHealthy: boolean) => Promise<string>
  readonly contentType: string
  readonly close: () => void
}

export function createMetrics(): Metrics {
  const registry = new Registry()
  const durations = new Histogram({
    name: 'isto_job_duration_seconds',
    help: 'Duration of finished jobs, by kind.',
    labelNames: ['kind'],
    buckets: [5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560],
    registers: [registry],
  })
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MILLISECONDS })
  delay.enable()
  const gauge = createGauges(registry)
  const counter = createCounters(registry)
  return {
    observe: (kind, seconds) => durations.observe({ kind }, seconds),
    collect: (signs, isHealthy) => {
      const { gateway, worker, device, queueLength, workers = [], usage, jobs } = signs
      gauge.isto_healthy.set(Number(isHealthy))
      gauge.isto_gateway_connected.set(Number(gateway.isConnected))
      if (gateway.heartbeatAge === undefined) gauge.isto_gateway_heartbeat_age_seconds.remove()
      else gauge.isto_gateway_heartbeat_age_seconds.set(gateway.heartbeatAge)
      gauge.isto_worker_alive.set(Number(worker.isAlive))
      gauge.isto_worker_busy.set(Number(worker.isBusy))
      gauge.isto_worker_silence_seconds.set(worker.silentFor)
      gauge.isto_device_info.reset()
      if (device !== undefined) gauge.isto_device_info.set({ device }, 1)
      gauge.isto_queue_jobs.set(queueLength)
      gauge.isto_workers.reset()
      for (const { device: on = 'unknown', isBusy } of workers)
        gauge.isto_workers.inc({ device: on, busy: String(isBusy) })
      gauge.isto_results.set(usage?.results ?? 0)
      gauge.isto_result_bytes.set(usage?.bytes ?? 0)
      // The measured time lies between two ticks of a timer.
      const seconds = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - RESOLUTION_MILLISECONDS / 1000) || 0
      gauge.isto_event_loop_delay_seconds.set({ quantile: '0.5' }, seconds(delay.percentile(50)))
      gauge.isto_event_loop_delay_seconds.set({ quantile: '0.99' }, seconds(delay.percentile(99)))
      gauge.isto_event_loop_delay_seconds.set({ quantile: '1' }, seconds(delay.max))
      delay.reset()
      const memory = process.memoryUsage()
      gauge.process_resident_memory_bytes.set(memory.rss)
      gauge.process_heap_bytes.set(memory.heapUsed)
      gauge.process_start_time_seconds.set(Date.now() / 1000 - process.uptime())
      for (const each of Object.values(counter)) each.reset()
      counter.isto_worker_ends_total.inc(worker.ends)
      for (const [outcome, count] of Object.entries(jobs)) counter.isto_jobs_total.inc({ outcome }, count)
      const { userCPUTime, systemCPUTime } = process.resourceUsage()
      counter.process_cpu_seconds_total.inc((userCPUTime + systemCPUTime) / 1e6)
      return registry.metrics()
    },
    contentType: registry.contentType,
    close: () => void delay.disable(),
  }
}

const RESOLUTION_MILLISECONDS = 10

function createGauges(registry: Registry) {
  const gauge = (name: string, help: string, ...labelNames: string[]) =>
    new Gauge({ name, help, labelNames, registers: [registry] })
  return {
    isto_healthy: gauge('isto_healthy', '1 if /healthz answers 200.'),
    isto_gateway_connected: gauge('isto_gateway_connected', '1 while connected to Discord.'),
    isto_gateway_heartbeat_age_seconds: gauge(
      'isto_gateway_heartbeat_age_seconds',
      'Seconds since the last heartbeat that Discord acknowledged.',
    ),
    isto_worker_alive: gauge('isto_worker_alive', '1 unless the worker has ended; the next job restarts it.'),
    isto_worker_busy: gauge('isto_worker_busy', '1 while the worker runs a job.'),
    isto_worker_silence_seconds: gauge(
      'isto_worker_silence_seconds',
      'Seconds since the last sign of life of a busy worker.',
    ),
    isto_device_info: gauge('isto_device_info', '1, labelled with the device of the last job.', 'device'),
    isto_queue_jobs: gauge('isto_queue_jobs', 'Number of waiting and running jobs.'),
    isto_workers: gauge(
      'isto_workers',
      'Number of connected workers, of those that share a Postgres.',
      'device',
      'busy',
    ),
    isto_results: gauge('isto_results', 'Number of results that were kept when the store was last swept.'),
    isto_result_bytes: gauge('isto_result_bytes', 'Size of their pictures and differences, in bytes.'),
    isto_event_loop_delay_seconds: gauge(
      'isto_event_loop_delay_seconds',
      'Delay of the bot’s event loop since the last scrape, in seconds.',
      'quantile',
    ),
    process_resident_memory_bytes: gauge(
      'process_resident_memory_bytes',
      'Resident memory of the bot, without the worker.',
    ),
    process_heap_bytes: gauge('process_heap_bytes', 'Used heap of the bot.'),
    process_start_time_seconds: gauge('process_start_time_seconds', 'Start time of the bot, in seconds since 1970.'),
  }
}

function createCounters(registry: Registry) {
  const counter = (name: string, help: string, ...labelNames: string[]) =>
    new Counter({ name, help, labelNames, registers: [registry] })
  return {
    isto_worker_ends_total: counter('isto_worker_ends_total', 'Number of times the worker ended unexpectedly.'),
    isto_jobs_total: counter(
      'isto_jobs_total',
      'Number of ended jobs by outcome: done, failed, or stopped (cancelled, too old, given up).',
      'outcome',
    ),
    process_cpu_seconds_total: counter('process_cpu_seconds_total', 'CPU time of the bot, without the worker.'),
  }
}
