import { type Client, Events } from 'discord.js'

/** The session with Discord. */
export interface GatewayStatus {
  /** When it was lost, in milliseconds since 1970; absent while it is connected. */
  readonly lostAt?: number
  /** The last heartbeat that Discord acknowledged, in milliseconds since 1970. */
  readonly heartbeatAt?: number
}

/** Follows the session from now on. With several shards, the worst one counts. */
export function watchGatewayStatus(client: Client): () => GatewayStatus {
  const lostAt = new Map<number, number>()
  const lose = (shard: number) => void (lostAt.has(shard) || lostAt.set(shard, Date.now()))
  const find = (shard: number) => void lostAt.delete(shard)
  client.on(Events.ShardReconnecting, lose)
  client.on(Events.ShardDisconnect, (_, shard) => lose(shard))
  client.on(Events.ShardReady, find)
  client.on(Events.ShardResume, find)
  return () => {
    const lost = [...lostAt.values()]
    const beats = client.ws.shards.map(({ lastPingTimestamp }) => lastPingTimestamp)
    const oldest = Math.min(...beats)
    return {
      ...(lost.length > 0 && { lostAt: Math.min(...lost) }),
      // −1 before the first one.
      ...(beats.length > 0 && oldest > 0 && { heartbeatAt: oldest }),
    }
  }
}
