import { setTimeout as sleep } from 'node:timers/promises'
import { DiscordAPIError, type REST, RESTEvents } from 'discord.js'
import { UserError } from '../../errors.ts'

/** A problem that only waiting helps with: the network is down, or Discord is. */
export class DiscordUnreachable extends UserError {
  override readonly name = 'DiscordUnreachable'
}

interface PersistOptions {
  /** Receives one line for each failed attempt. */
  readonly log: (line: string) => void
  /** The first pause; each is twice as long as the one before, up to a minute. @default 1000 */
  readonly pauseMilliseconds?: number
}

/** Tries again for as long as Discord can't be reached; any other error is final. */
export async function persist<Result>(
  attempt: () => Promise<Result>,
  { log, pauseMilliseconds = 1000 }: PersistOptions,
): Promise<Result> {
  for (let pause = pauseMilliseconds; ; pause = Math.min(2 * pause, longestPause)) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof DiscordUnreachable)) throw error
      log(`${error.message} Trying again in ${Math.ceil(pause / 1000)} s.`)
      await sleep(pause)
    }
  }
}

const longestPause = 60_000

/** Whether it is Discord's or the network's fault: no answer at all, or one that reports a failure of the server. */
export const isOutage = (error: unknown): boolean => !(error instanceof DiscordAPIError) || error.status >= 500

/** Logs when Discord makes the bot wait for long, which is silent otherwise. */
export function watchRateLimits(rest: REST, log: (line: string) => void): void {
  rest.on(RESTEvents.Response, ({ method, route }, { status, headers }) => {
    const seconds = Number(headers.get('retry-after'))
    if (status === 429 && seconds >= worthALine) {
      log(`Discord limits the rate of requests (${method} ${route}): waiting ${Math.ceil(seconds)} s.`)
    }
  })
}

/** In seconds. */
const worthALine = 5
