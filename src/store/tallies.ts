import { entriesOf, type OpenCollection } from './collections.ts'
import type { Forgetting } from './forgetting.ts'
import type { Locks } from './locks.ts'
import type { Scopes } from './scopes.ts'

/** What one person's jobs of one day came to. Nothing is kept of what they were. */
export interface Tally {
  readonly person: string
  /** Milliseconds since 1970 at which the day began, in UTC. */
  readonly day: number
  readonly jobs: number
  /** Those of them that failed or were given up. */
  readonly failures: number
  /** Of computing, for the jobs that were done. */
  readonly seconds: number
}

/** A job that has ended. */
interface Ended {
  readonly person: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly hasFailed: boolean
  readonly seconds: number
}

/** Counts of jobs by server, person and day. Kept for 90 days. */
export interface Tallies {
  add(scope: string, ended: Ended): Promise<void>
  /** In no particular order. */
  list(scope: string): Promise<readonly Tally[]>
}

const dayMilliseconds = 24 * 60 * 60 * 1000
/** The day itself, and 90 more. */
const keptMilliseconds = 91 * dayMilliseconds

export function createTallies(open: OpenCollection, locks: Locks, know: Scopes['know']): Tallies & Forgetting {
  const collectionOf = (scope: string) => open<Tally>('tallies', scope)

  return {
    add: (scope, { person, at, hasFailed, seconds }) =>
      locks.run(scope, async () => {
        const day = at - (at % dayMilliseconds)
        const key = `${day} ${person}`
        const before = await collectionOf(scope).get(key)
        const value: Tally = {
          person,
          day,
          jobs: (before?.jobs ?? 0) + 1,
          failures: (before?.failures ?? 0) + (hasFailed ? 1 : 0),
          seconds: (before?.seconds ?? 0) + seconds,
        }
        await know(scope)
        await collectionOf(scope).setRaw(key, { value, expires: day + keptMilliseconds })
      }),

    list: async (scope) => (await entriesOf(collectionOf(scope))).map(([, tally]) => tally),

    forget: (scope) => locks.run(scope, () => collectionOf(scope).clear()),

    forgetPerson: (scope, person) =>
      locks.run(scope, async () => {
        const theirs = (await entriesOf(collectionOf(scope))).filter(([, tally]) => tally.person === person)
        await collectionOf(scope).deleteMany(theirs.map(([key]) => key))
        return theirs.length
      }),
  }
}
