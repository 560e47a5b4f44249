import { UserError } from '../errors.ts'
import type { Statements } from '../store/postgres.ts'
import type { Boss } from './boss.ts'
import { checkLimits, type Limits } from './limits.ts'
import { readSpots } from './shared-positions.ts'
import type { Ticket } from './ticket.ts'
import { inTurns, personOf, scopeOf, type Waiting } from './turns.ts'
import { servedModels } from './workers.ts'

/** @throws UserError when no live worker has the model */
export async function checkServed(at: Statements, model: string): Promise<void> {
  const names = await servedModels(at, Date.now())
  if (names.includes(model)) return
  throw new UserError(
    names.length === 0
      ? 'No worker is running at the moment: please try again later.'
      : 'No worker has “{model}” at the moment; there {count, plural, =1 {is} other {are}} {names}.',
    { model, count: names.length, names: names.join(', ') },
  )
}

/** Where all is on disk, and not in one process's memory. */
const mostJobs = 10_000

/**
 * Holds the person's and the scope's lock until the transaction ends.
 *
 * @throws UserError when there is no room for one more; it says when there will be
 */
export async function checkRoom(
  at: Statements,
  ticket: Ticket,
  { person: ofPerson = 5, scope: ofScope = 20, all = mostJobs }: Limits,
): Promise<void> {
  const { id, person, scope } = ticket
  // Always in this order, so that no two wait for each other.
  await at.query(
    'SELECT pg_advisory_xact_lock(hashtextextended($1, 0)), pg_advisory_xact_lock(hashtextextended($2, 0))',
    [`person ${person}`, `scope ${scope}`].map((key) => JSON.stringify(key)),
  )
  const [row] = await at.query<{ isThere: boolean; theirs: string; here: string; all: string }>(
    `SELECT EXISTS (SELECT FROM isto.tickets WHERE id = $1 AND state <> 'expected') AS "isThere",
       (SELECT count(*) FROM isto.tickets WHERE state IN ('waiting', 'running') AND person = $2) AS theirs,
       (SELECT count(*) FROM isto.tickets WHERE state IN ('waiting', 'running') AND scope = $3) AS here,
       (SELECT count(*) FROM isto.tickets WHERE state IN ('waiting', 'running')) AS all`,
    [id, person, scope],
  )
  if (row?.isThere) throw new Error(`The ticket ${id} is in the queue already.`)
  const isFull = Number(row?.theirs) >= ofPerson || Number(row?.here) >= ofScope || Number(row?.all) >= all
  if (isFull) await refuse(at, ticket, { person: ofPerson, scope: ofScope, all })
}

async function refuse(at: Statements, ticket: Ticket, limits: Limits): Promise<never> {
  const spots = await readSpots(at, undefined, undefined, Date.now())
  const rows = await at.query<{ id: string; person: string; scope: string }>(
    `SELECT id, person, scope FROM isto.tickets WHERE state IN ('waiting', 'running')`,
  )
  const claims = new Map(rows.map(({ id, person, scope }) => [id, { person, scope, job: undefined }]))
  const positions = spots.flatMap(({ id, secondsLeft }) => {
    const claim = claims.get(id)
    return claim ? { ticket: claim, secondsLeft } : []
  })
  checkLimits({ ...ticket, job: undefined }, [...claims.values()], positions, { ...limits, bytes: Infinity })
  throw new UserError('The queue is full: please try again in a moment.')
}

interface WaitingRow extends Waiting {
  readonly queue: string
  readonly job_id: string
  readonly turn: string
}

/**
 * The turn of a new ticket, and new turns for those of its scope that wait: its people take turns there (turns.ts).
 *
 * Turns are counted as in start-time fair queueing: a scope's next job has the turn after its last one, but none before the
 * turn that was served last; so the k-th job of every scope comes before the (k + 1)-th of any, and no other scope's jobs
 * have to be moved. Under the scope's lock.
 */
export async function makeRoom(at: Statements, boss: Boss, ticket: Ticket): Promise<number> {
  const { id, scope, person } = ticket
  const waiting = await at.query<WaitingRow>(
    `SELECT id, scope, person, queue, job_id, turn FROM isto.tickets
     WHERE scope = $1 AND state = 'waiting' ORDER BY placed_at, id`,
    [scope],
  )
  const names = [everyone, ...[...waiting, ticket].flatMap((one) => [scopeOf(one), personOf(one)])]
  const rows = await at.query<{ name: string; last: string }>(
    'SELECT name, last FROM isto.turns WHERE name = ANY($1)',
    [[...new Set(names)]],
  )
  const last = new Map(rows.map((row) => [row.name, Number(row.last)]))
  const lastOf = (name: string) => last.get(name) ?? 0
  const turns = waiting.map(({ turn }) => Number(turn)).sort((one, other) => one - other)
  turns.push(Math.max((turns.at(-1) ?? lastOf(scope)) + 1, lastOf(everyone)))
  const order = inTurns<Waiting & Partial<WaitingRow>>([...waiting, { id, scope, person }], lastOf)
  for (const [index, one] of order.entries()) {
    const turn = turns[index]!
    if (one.job_id === undefined || one.queue === undefined || Number(one.turn) === turn) continue
    await boss.move(at, one.queue, one.job_id, turn)
    await at.query('UPDATE isto.tickets SET turn = $2 WHERE id = $1', [one.id, turn])
  }
  return turns[order.findIndex((one) => one.id === id)]!
}

/** The name of all scopes together in the table of turns; no scope is called so. */
const everyone = '*'

/** A ticket is served: its scope and person wait for the others from now on, and positions have changed. */
export async function noteServed({ query }: Statements, waiting: Waiting, turn: number): Promise<void> {
  // All claims wait for the row of everyone, so it comes last.
  await query(
    `WITH served AS (
       INSERT INTO isto.turns (name, last) VALUES ($1, $4), ($2, $4), ($3, $4)
       ON CONFLICT (name) DO UPDATE SET last = greatest(isto.turns.last, excluded.last)
     ) SELECT pg_notify('isto_places', '')`,
    [scopeOf(waiting), personOf(waiting), everyone, turn],
  )
}
