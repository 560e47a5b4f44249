import type { Statements } from '../store/postgres.ts'
import { jobQueueOf } from './queue-names.ts'
import type { WorkerFacts } from './ticket.ts'

/** A worker that was silent for this long is gone. */
export const silenceMilliseconds = 30_000

export async function liveWorkers({ query }: Statements, now: number): Promise<readonly WorkerFacts[]> {
  const rows = await query<Omit<WorkerFacts, 'device' | 'loaded'> & { device: string | null; loaded: string | null }>(
    `SELECT id, name, models, device, loaded,
       EXISTS (SELECT FROM isto.tickets t WHERE t.worker = w.id AND t.state = 'running') AS "isBusy"
     FROM isto.workers w WHERE seen_at > $1 ORDER BY name, id`,
    [now - silenceMilliseconds],
  )
  return rows.map(({ device, loaded, ...row }) => ({ ...row, ...(device && { device }), ...(loaded && { loaded }) }))
}

/** The models that live workers have, each once. */
export async function servedModels({ query }: Statements, now: number): Promise<readonly string[]> {
  const rows = await query<{ model: string }>(
    'SELECT DISTINCT unnest(models) AS model FROM isto.workers WHERE seen_at > $1 ORDER BY model',
    [now - silenceMilliseconds],
  )
  return rows.map(({ model }) => model)
}

/** A model that a worker has. */
export interface ServedModel {
  readonly name: string
  /** Of its files. */
  readonly hash: string
}

/** Of these models, those that live workers have under the same name with other files. */
export async function findForeign(
  { query }: Statements,
  models: readonly ServedModel[],
  now: number,
): Promise<readonly string[]> {
  const rows = await query<{ name: string }>(
    `SELECT DISTINCT theirs.name FROM isto.workers, unnest(models, hashes) AS theirs (name, hash)
     JOIN unnest($1::text[], $2::text[]) AS ours (name, hash) ON ours.name = theirs.name AND ours.hash <> theirs.hash
     WHERE seen_at > $3`,
    [models.map(({ name }) => name), models.map(({ hash }) => hash), now - silenceMilliseconds],
  )
  return rows.map(({ name }) => name)
}

/** A sign of life. */
export async function tellWorker(
  { query }: Statements,
  worker: Omit<WorkerFacts, 'isBusy' | 'models'> & { readonly models: readonly ServedModel[] },
  now: number,
): Promise<void> {
  const { id, name, models, device = null, loaded = null } = worker
  const names = models.map((model) => model.name)
  await query(
    `INSERT INTO isto.workers (id, name, models, hashes, queues, device, loaded, seen_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
     ON CONFLICT (id) DO UPDATE SET device = $6, loaded = $7, seen_at = $8`,
    [id, name, names, models.map(({ hash }) => hash), names.map(jobQueueOf), device, loaded, now],
  )
}

export async function forgetWorker({ query }: Statements, id: string): Promise<void> {
  await query('DELETE FROM isto.workers WHERE id = $1', [id])
}
