import type { Postgres, Statements } from '../store/postgres.ts'

/** Makes the tables of tickets and workers, or adds what an earlier version did not have. */
export async function prepareTables(postgres: Postgres): Promise<void> {
  await postgres.exclusively('isto layout', () =>
    postgres.transaction(async ({ query }) => {
      if (await hasTables({ query })) return
      const [found] = await query<{ isThere: boolean }>(`SELECT to_regclass('isto.tickets') IS NOT NULL AS "isThere"`)
      for (const statement of [...(found?.isThere ? [] : layout), ...additions]) await query(statement)
    }),
  )
}

/** As this version has them. */
export async function hasTables({ query }: Pick<Statements, 'query'>): Promise<boolean> {
  const [found] = await query<{ isThere: boolean }>(
    `SELECT to_regclass('isto.tickets_by_worker') IS NOT NULL AS "isThere"`,
  )
  return found?.isThere === true
}

// The job and the follow-up are apart: a worker has no business with the tokens in the latter.
const layout = [
  'CREATE SCHEMA IF NOT EXISTS isto',
  `CREATE TABLE isto.tickets (
    id text PRIMARY KEY, scope text NOT NULL, person text NOT NULL, placed_at bigint NOT NULL,
    bot_group text NOT NULL, state text NOT NULL, queue text, job_id uuid, turn bigint, job bytea,
    expected_seconds float8 NOT NULL DEFAULT 0, started_at bigint, worker text, outcome bytea
  )`,
  `CREATE INDEX tickets_in_turns ON isto.tickets (queue, turn, placed_at) WHERE state IN ('waiting', 'running')`,
  `CREATE INDEX tickets_by_scope ON isto.tickets (scope) WHERE state IN ('waiting', 'running')`,
  `CREATE INDEX tickets_by_person ON isto.tickets (person) WHERE state IN ('waiting', 'running')`,
  'CREATE INDEX tickets_by_group ON isto.tickets (bot_group)',
  `CREATE TABLE isto.follow_ups (
    id text PRIMARY KEY REFERENCES isto.tickets ON DELETE CASCADE, follow_up bytea NOT NULL
  )`,
  `CREATE TABLE isto.pictures (
    id text REFERENCES isto.tickets ON DELETE CASCADE, number int, bytes bytea NOT NULL, PRIMARY KEY (id, number)
  )`,
  // Pictures are compressed already.
  'ALTER TABLE isto.pictures ALTER COLUMN bytes SET STORAGE EXTERNAL',
  `CREATE TABLE isto.results (
    id text REFERENCES isto.tickets ON DELETE CASCADE, number int, bytes bytea NOT NULL, PRIMARY KEY (id, number)
  )`,
  'ALTER TABLE isto.results ALTER COLUMN bytes SET STORAGE EXTERNAL',
  `CREATE UNLOGGED TABLE isto.progress (
    id text PRIMARY KEY, progress bytea NOT NULL, seconds_left float8 NOT NULL
  )`,
  'CREATE TABLE isto.turns (name text PRIMARY KEY, last bigint NOT NULL)',
  'CREATE TABLE isto.durations (key text, device text, seconds float8 NOT NULL, at bigint NOT NULL)',
  'CREATE INDEX durations_by_key ON isto.durations (key, at DESC)',
  `CREATE TABLE isto.workers (
    id text PRIMARY KEY, name text NOT NULL, models text[] NOT NULL, queues text[] NOT NULL, device text, loaded text, is_busy bool NOT NULL,
    seen_at bigint NOT NULL
  )`,
]

/** Since version 0.2. */
const additions = [
  'ALTER TABLE isto.tickets ADD COLUMN deliveries int NOT NULL DEFAULT 0',
  `CREATE INDEX tickets_by_worker ON isto.tickets (worker) WHERE state = 'running'`,
  `ALTER TABLE isto.workers DROP COLUMN is_busy, ADD COLUMN hashes text[] NOT NULL DEFAULT '{}'`,
]
