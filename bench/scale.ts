// How a shared queue grows: npx node bench/scale.ts. Workers are processes whose jobs sleep for 50 ms.
import { type ChildProcess, spawn } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openBoss } from '../src/jobs/boss.ts'
import { createSharedQueue } from '../src/jobs/shared-queue.ts'
import { tellWorker } from '../src/jobs/workers.ts'
import { openPostgres, type Postgres } from '../src/store/postgres.ts'
import { ticket } from '../test/jobs/test-queue.ts'
import { startPostgres } from '../test/postgres.ts'

const [jobMilliseconds = 50, jobs = 100, waitingMost = 10_000] = process.argv.slice(2).map(Number)
const server = await startPostgres('shared_preload_libraries=pg_stat_statements')
const log = (sentence: string, error: unknown) => console.error(sentence, error)

const startWorker = (url: string) =>
  new Promise<ChildProcess>((resolve, reject) => {
    const args = ['test/fixtures/sleeping-worker.ts', url, String(jobMilliseconds)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    child.stdout.on('data', () => resolve(child))
    child.once('exit', reject)
  })

async function openQueue() {
  const url = await server.create()
  const postgres = await openPostgres(url)
  const boss = await openBoss({ postgres, isKeeper: true, log })
  const ends = { count: 0, reached: (_: number) => {} }
  const limits = { person: 1e9, scope: 1e9, all: 1e9 }
  const queue = createSharedQueue({ postgres, boss, group: 'all', log, limits })
  await queue.open({
    onPosition: () => {},
    onProgress: () => {},
    onInterrupted: async () => {},
    onEnd: async () => ends.reached(++ends.count),
  })
  return { url, queue, ends, postgres }
}

const one = (index: number) => {
  const given = ticket(`t${index}`, { person: `p${index % 997}`, scope: `s${index % 499}` })
  return { ...given, job: { ...given.job, options: { ...given.job.options, model: 'emoji' } } }
}

/** A queue with a worker that is told to wait, so that jobs can be placed. */
async function openIdle() {
  const opened = await openQueue()
  await tellWorker(opened.postgres, { id: 'idle', name: 'idle', models: [{ name: 'emoji', hash: '' }] }, Date.now())
  return opened
}

console.log(
  `| workers | jobs a second, of ${jobs} for each worker that sleep ${jobMilliseconds} ms | ms besides the sleep | of what one worker does |\n|---|---|---|---|`,
)
const statements: string[] = []
let first: number | undefined
for (const count of [1, 2, 4, 8]) {
  const { url, queue, ends, postgres } = await openIdle()
  const most = jobs * count
  for (let index = 0; index < most; index++) await queue.add(one(index))
  const all = new Promise<void>((resolve) => {
    ends.reached = (reached) => reached === most && resolve()
  })
  const workers = await Promise.all(Array.from({ length: count }, () => startWorker(url)))
  // Whatever was done before all were there doesn't count.
  const before = ends.count
  if (count === 1) {
    await postgres.query('CREATE EXTENSION pg_stat_statements')
    await postgres.query('SELECT pg_stat_statements_reset()')
  }
  const started = performance.now()
  await all
  const rate = ((most - before) * 1000) / (performance.now() - started)
  first ??= rate
  console.log(
    `| ${count} | ${rate.toFixed(1)} | ${((count * 1000) / rate - jobMilliseconds).toFixed(0)} | ${(rate / first).toFixed(2)} |`,
  )
  if (count === 1) statements.push(await statementsOf(postgres, 'doing one', most - before))
  for (const worker of workers) {
    worker.removeAllListeners('exit')
    worker.kill('SIGKILL')
  }
  await queue.park()
  await postgres.close()
}

const { queue, postgres } = await openIdle()
console.log('\n| waiting | ms to add one: median | 95 % | MB of heap | MB in Postgres |\n|---|---|---|---|---|')
const lifeSign = setInterval(() => {
  void postgres.query('UPDATE isto.workers SET seen_at = $1', [Date.now()])
}, 5000)

/** A row of the table of statements. */
async function statementsOf({ query }: Postgres, what: string, jobs: number): Promise<string> {
  const [row] = await query<{ calls: string; ms: number }>(
    `SELECT sum(calls) AS calls, sum(total_exec_time) AS ms FROM pg_stat_statements
     JOIN pg_database ON oid = dbid WHERE datname = current_database()`,
  )
  return `| ${what} | ${(Number(row?.calls) / jobs).toFixed(1)} | ${(Number(row?.ms) / jobs).toFixed(2)} |`
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc')
const megabytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1)

/** Of this process, once it has looked at the queue. */
async function heap(): Promise<string> {
  await sleep(3000)
  collect()
  return megabytes(process.memoryUsage().heapUsed)
}

async function onDisk({ query }: Postgres): Promise<string> {
  const [row] = await query<{ bytes: string }>(
    `SELECT sum(pg_total_relation_size(relid)) AS bytes FROM pg_stat_user_tables WHERE schemaname IN ('isto', 'pgboss')`,
  )
  return megabytes(Number(row?.bytes))
}

const times: number[] = []
await postgres.query('CREATE EXTENSION pg_stat_statements')
await postgres.query('SELECT pg_stat_statements_reset()')
for (let index = 1; index <= waitingMost; index++) {
  const started = performance.now()
  await queue.add(one(index))
  times.push(performance.now() - started)
  if (index === 100) statements.unshift(await statementsOf(postgres, 'adding one', index))
  if (![100, 1000, 3000, 10_000].includes(index)) continue
  const last = times
    .splice(0)
    .slice(-100)
    .sort((a, b) => a - b)
  console.log(
    `| ${index} | ${last[50]?.toFixed(0)} | ${last[95]?.toFixed(0)} | ${await heap()} | ${await onDisk(postgres)} |`,
  )
}
clearInterval(lifeSign)
console.log('\n| a job, of whatever is done in all | statements | ms in Postgres |\n|---|---|---|')
console.log(statements.join('\n'))
await queue.park()
await postgres.close()
await server.close()
process.exit(0)
