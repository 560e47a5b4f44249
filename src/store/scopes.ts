import { entriesOf, keyOf, type OpenCollection, textOf } from './collections.ts'

/** The scopes that have something, and since when the bot is no longer in some of them. */
export interface Scopes {
  /** To be awaited before anything is kept for a scope: what is not known here would never be forgotten. */
  know(scope: string): Promise<void>
  /** Servers, not people. */
  servers(): readonly string[]
  /** Counts from the first call on, until the bot is back. */
  leave(scope: string, at: number): Promise<void>
  markReturned(scope: string): Promise<void>
  /** Those that the bot left at `time` or before. */
  leftBy(time: number): readonly string[]
  forget(scope: string): Promise<void>
}

interface Presence {
  /** Milliseconds since 1970. */
  readonly leftAt?: number
}

export async function createScopes(open: OpenCollection): Promise<Scopes> {
  const collection = open<Presence>('scopes')
  const known = new Map((await entriesOf(collection)).map(([key, presence]) => [textOf(key), presence]))
  const keep = async (scope: string, presence: Presence) => {
    await collection.set(keyOf(scope), presence)
    known.set(scope, presence)
  }

  return {
    know: async (scope) => {
      if (!known.has(scope)) await keep(scope, {})
    },
    servers: () => [...known.keys()].filter((scope) => !scope.startsWith('@')),
    leave: async (scope, at) => {
      if (known.has(scope) && known.get(scope)?.leftAt === undefined) await keep(scope, { leftAt: at })
    },
    markReturned: async (scope) => {
      if (known.get(scope)?.leftAt !== undefined) await keep(scope, {})
    },
    leftBy: (time) =>
      [...known].flatMap(([scope, { leftAt }]) => (leftAt !== undefined && leftAt <= time ? [scope] : [])),
    forget: async (scope) => {
      await collection.delete(keyOf(scope))
      known.delete(scope)
    },
  }
}
