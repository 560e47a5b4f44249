import { type ApiError, RateLimitError } from './rules.ts'

/** How often Discord may be asked, and what it refuses because a test says so. Real time: discord.js waits in real time. */
export interface Limits {
  /**
  The next request like this one is refused; with `retryAfterSeconds` as a rate limit, with `isGlobal` as the one on
  everything.
  */
  readonly refuseNext: (matching: RegExp, error: ApiError, retryAfterSeconds?: number, isGlobal?: boolean) => void
  /** @throws ApiError @returns what Discord tells of the limit in the headers of its answer */
  readonly check: (request: Asked) => Readonly<Record<string, string>>
}

export interface Asked {
  /** Method and path, as in `requests`. */
  readonly line: string
  readonly path: string
  /** Interactions and their tokens, on which the global limit does not count. */
  readonly isByToken: boolean
}

/** An interaction's token is good for five requests in two seconds, a bot for fifty a second. */
export function createLimits(): Limits {
  const refusals: { matching: RegExp; error: ApiError; retryAfterSeconds?: number; isGlobal?: boolean }[] = []
  const webhooks = new Map<string, Window>()
  const bot = createWindow(50, 1000)

  return {
    refuseNext: (matching, error, retryAfterSeconds, isGlobal) => {
      refusals.push({ matching, error, retryAfterSeconds, isGlobal })
    },
    check: ({ line, path, isByToken }) => {
      const index = refusals.findIndex(({ matching }) => matching.test(line))
      if (index >= 0) {
        const [{ error, retryAfterSeconds, isGlobal }] = refusals.splice(index, 1) as [(typeof refusals)[number]]
        if (retryAfterSeconds === undefined) throw error
        throw new RateLimitError(retryAfterSeconds, { isGlobal, code: error.code, message: error.message })
      }
      if (!isByToken) bot.take(true)
      const token = /^webhooks\/(\d+\/[^/]+)/.exec(path)?.[1]
      if (!token) return {}
      const window = webhooks.get(token) ?? createWindow(5, 2000)
      webhooks.set(token, window)
      return { 'x-ratelimit-bucket': 'webhook', ...window.take(false) }
    },
  }
}

interface Window {
  readonly take: (isGlobal: boolean) => Readonly<Record<string, string>>
}

/** The last `most` requests fit into `milliseconds`. */
function createWindow(most: number, milliseconds: number): Window {
  let recent: number[] = []
  return {
    take: (isGlobal) => {
      const now = Date.now()
      recent = recent.filter((at) => now - at < milliseconds)
      const resetAfterSeconds = (milliseconds - (now - (recent[0] ?? now))) / 1000
      if (recent.length >= most) throw new RateLimitError(resetAfterSeconds, { isGlobal })
      recent.push(now)
      return {
        'x-ratelimit-limit': String(most),
        'x-ratelimit-remaining': String(most - recent.length),
        'x-ratelimit-reset-after': String(resetAfterSeconds),
      }
    },
  }
}

export function headersOf({ retryAfterSeconds, isGlobal }: RateLimitError): Readonly<Record<string, string>> {
  return {
    'retry-after': String(retryAfterSeconds),
    'x-ratelimit-scope': isGlobal ? 'global' : 'user',
    ...(isGlobal && { 'x-ratelimit-global': 'true' }),
  }
}
