/** The part of the bot's servers that this process answers: all of them, or some of a number of shards. */
export type Shards = 'auto' | { readonly ids: readonly number[]; readonly count: number }

/** Whether this process answers a server, as Discord divides them; direct messages come to shard 0. */
export function isOurs(shards: Shards, scope: string): boolean {
  if (shards === 'auto') return true
  const shard = scope.startsWith('@') ? 0 : Number((BigInt(scope) >> 22n) % BigInt(shards.count))
  return shards.ids.includes(shard)
}

/** A name for the processes that answer the same shards, one after the other. */
export const groupOf = (shards: Shards): string =>
  shards === 'auto' ? 'all' : `${shards.ids.join(',')}/${shards.count}`

/** Discord allows a bot 50 requests a second, whichever of its processes sends them. */
export const requestsPerSecond = (shards: Shards): number =>
  shards === 'auto' ? 50 : Math.max(1, Math.floor((50 * shards.ids.length) / shards.count))
