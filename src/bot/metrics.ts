import { histogramBounds, type Signs } from './vitals.ts'

/** Prometheus's text format, version 0.0.4. */
export function metrics(
  { gateway, worker, device, queueLength, jobs, durations, eventLoopDelay }: Signs,
  isHealthy: boolean,
): string {
  const memory = process.memoryUsage()
  const { userCPUTime, systemCPUTime } = process.resourceUsage()
  const sampled: readonly (readonly [name: string, type: string, help: string, samples: readonly Sample[]])[] = [
    ['isto_healthy', 'gauge', '1 when /healthz answers 200.', [[{}, Number(isHealthy)]]],
    [
      'isto_gateway_connected',
      'gauge',
      '1 while the session with Discord stands.',
      [[{}, Number(gateway.isConnected)]],
    ],
    [
      'isto_gateway_heartbeat_age_seconds',
      'gauge',
      'Since the last heartbeat that Discord answered.',
      gateway.heartbeatAge === undefined ? [] : [[{}, gateway.heartbeatAge]],
    ],
    [
      'isto_worker_alive',
      'gauge',
      '1 unless the worker ended; the next job starts it again.',
      [[{}, Number(worker.isAlive)]],
    ],
    ['isto_worker_busy', 'gauge', '1 while it works on a job.', [[{}, Number(worker.isBusy)]]],
    ['isto_worker_silence_seconds', 'gauge', 'Since the last sign of life of a busy worker.', [[{}, worker.silentFor]]],
    ['isto_worker_ends_total', 'counter', 'How often the worker ended unasked.', [[{}, worker.ends]]],
    [
      'isto_device_info',
      'gauge',
      '1, with what the last job was computed on.',
      device === undefined ? [] : [[{ device }, 1]],
    ],
    ['isto_queue_jobs', 'gauge', 'Jobs that wait or run.', [[{}, queueLength]]],
    [
      'isto_jobs_total',
      'counter',
      'Jobs that ended, by how: done, failed, or stopped (cancelled, too old, given up).',
      Object.entries(jobs).map(([outcome, count]) => [{ outcome }, count]),
    ],
    [
      'isto_event_loop_delay_seconds',
      'gauge',
      'Delay of the bot’s event loop since the last scrape.',
      [
        [{ quantile: '0.5' }, eventLoopDelay.median],
        [{ quantile: '0.99' }, eventLoopDelay.p99],
        [{ quantile: '1' }, eventLoopDelay.max],
      ],
    ],
    ['process_resident_memory_bytes', 'gauge', 'Of the bot, without the worker.', [[{}, memory.rss]]],
    ['process_heap_bytes', 'gauge', 'Used of the heap.', [[{}, memory.heapUsed]]],
    [
      'process_cpu_seconds_total',
      'counter',
      'Of the bot, without the worker.',
      [[{}, (userCPUTime + systemCPUTime) / 1e6]],
    ],
    ['process_start_time_seconds', 'gauge', 'Since 1970.', [[{}, Date.now() / 1000 - process.uptime()]]],
  ]
  const name = 'isto_job_duration_seconds'
  const histogram = [...durations].flatMap(([kind, { counts, sum, total }]) => [
    ...counts.map((count, index) => line(`${name}_bucket`, [{ kind, le: String(histogramBounds[index]) }, count])),
    line(`${name}_bucket`, [{ kind, le: '+Inf' }, total]),
    line(`${name}_sum`, [{ kind }, sum]),
    line(`${name}_count`, [{ kind }, total]),
  ])
  return [
    ...sampled.flatMap(([name, type, help, samples]) => [
      ...head(name, type, help),
      ...samples.map((sample) => line(name, sample)),
    ]),
    ...head(name, 'histogram', 'How long finished jobs ran, by kind.'),
    ...histogram,
    '',
  ].join('\n')
}

type Sample = readonly [labels: Readonly<Record<string, string>>, value: number]

const head = (name: string, type: string, help: string) => [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`]

function line(name: string, [labels, value]: Sample): string {
  const list = Object.entries(labels).map(([label, text]) => `${label}="${text}"`)
  return `${name}${list.length > 0 ? `{${list.join(',')}}` : ''} ${value}`
}
