import { type Client, Events } from 'discord.js'
import type { Store } from '../../store/open.ts'
import { describe } from '../interaction/faults.ts'

/**
 * Tells the store, one at a time, which servers the bot is on and which it was removed from, now or while it was
 * offline.
 */
export function watchPresence(
  client: Client,
  store: Pick<Store, 'syncServers' | 'leave' | 'markReturned'>,
  log: (line: string) => void,
  isOurs?: (server: string) => boolean,
): void {
  let noted = Promise.resolve()
  const note = (action: () => Promise<void>) => {
    noted = noted.then(action).catch((error: unknown) => {
      log(`Joining or leaving a server could not be recorded: ${describe(error)}`)
    })
  }
  client.once(Events.ClientReady, ({ guilds }) => {
    const servers = [...guilds.cache.keys()]
    note(() => store.syncServers(servers, Date.now(), isOurs))
  })
  client.on(Events.GuildCreate, ({ id }) => note(() => store.markReturned(id)))
  // Not for a server that is merely unavailable: that is another event.
  client.on(Events.GuildDelete, ({ id }) => note(() => store.leave(id, Date.now())))
}
