import { entriesOf, keyOf, type OpenCollection, textOf } from './collections.ts'

/** The scopes that have data, and since when the bot has been gone from some of them. */
export interface Scopes {
  /** Await this before storing anything for a scope: the data of an unknown scope would never be deleted. */
  know(scope: string): Promise<void>
  /** Servers, not people. */
  servers(): Promise<readonly string[]>
  /** Counts from the first call on, until the bot is back. */
  leave(scope: string, at: number): Promise<void>
  markReturned(scope: string): Promise<void>
  /** Those that the bot left at `time` or before. */
  leftBy(time: number): Promise<readonly string[]>
  all(): Promise<readonly string[]>
  forget(scope: string): Promise<void>
}

interface Presence {
  /** Milliseconds since 1970. */
  readonly leftAt?: number
}

/** Nothing is kept in memory: another process may change it. */
export function createScopes(open: OpenCollection): Scopes {
  const collection = open<Presence>('scopes')
  const all = async () => (await entriesOf(collection)).map(([key, presence]) => [textOf(key), presence] as const)
  const scopes = async () => (await all()).map(([scope]) => scope)
  const keep = async (scope: string, presence: Presence) => {
    await collection.set(keyOf(scope), presence)
  }

  return {
    know: async (scope) => {
      if (!(await collection.get(keyOf(scope)))) await keep(scope, {})
    },
    servers: async () => (await scopes()).filter((scope) => !scope.startsWith('@')),
    leave: async (scope, at) => {
      const presence = await collection.get(keyOf(scope))
      if (presence && presence.leftAt === undefined) await keep(scope, { leftAt: at })
    },
    markReturned: async (scope) => {
      if ((await collection.get(keyOf(scope)))?.leftAt !== undefined) await keep(scope, {})
    },
    leftBy: async (time) =>
      (await all()).flatMap(([scope, { leftAt }]) => (leftAt !== undefined && leftAt <= time ? [scope] : [])),
    all: scopes,
    forget: async (scope) => {
      await collection.delete(keyOf(scope))
    },
  }
}
