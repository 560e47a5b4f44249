import { setTimeout as sleep } from 'node:timers/promises'
import { UserError } from '../errors.ts'

/** Milliseconds. @throws what the signal was aborted with */
export type Wait = (milliseconds: number, signal: AbortSignal) => Promise<unknown>

export const TRIES = 5
const LONGEST_WAIT_SECONDS = 300

export const waitFor: Wait = async (milliseconds, signal) => {
  try {
    await sleep(milliseconds, undefined, { signal })
  } catch {
    signal.throwIfAborted()
  }
}

/** Twice as long each time: 1, 2, 4 … seconds. */
export const pauseBefore = (attempt: number) => 1000 * 2 ** (attempt - 1)

/**
 * As `fetch`, but a connection that fails, a server that is out of order and one that asks to be left alone (429) get
 * five tries, with the pause that was asked for.
 *
 * @param host Names the server in the sentence.
 * @throws UserError when the last try failed or the pause would be too long; what the signal was aborted with
 */
export function patientFetch(host: string, wait: Wait): typeof fetch {
  return async (input, init) => {
    const signal = init?.signal ?? new AbortController().signal
    for (let attempt = 1; ; attempt++) {
      const isLast = attempt === TRIES
      let response: Response
      try {
        response = await fetch(input, init)
      } catch (cause) {
        signal.throwIfAborted()
        if (isLast) throw unreachable(host, cause)
        await wait(pauseBefore(attempt), signal)
        continue
      }
      if (response.status !== 429 && response.status < 500) return response
      await response.body?.cancel()
      const seconds = askedPause(response.headers.get('retry-after'))
      if (isLast || (seconds ?? 0) > LONGEST_WAIT_SECONDS) throw busy(host, response.status, seconds)
      await wait(seconds === undefined ? pauseBefore(attempt) : seconds * 1000, signal)
    }
  }
}

/** Seconds or a date. */
function askedPause(header: string | null): number | undefined {
  if (header === null) return undefined
  const seconds = /^\d+$/.test(header.trim()) ? Number(header) : (Date.parse(header) - Date.now()) / 1000
  return Number.isNaN(seconds) ? undefined : Math.max(0, seconds)
}

function unreachable(host: string, cause: unknown): UserError {
  const { code, message } = Object(Object(cause).cause ?? cause)
  const why = code ?? message ?? cause
  return new UserError(
    `${host} cannot be reached (${why}): check the connection and \`HF_ENDPOINT\`, then pull again.`,
    {},
    { cause },
  )
}

function busy(host: string, status: number, seconds: number | undefined): UserError {
  if (status !== 429) return new UserError(`${host} is out of order (${status}): pull again later.`)
  const when = seconds ? `in ${Math.ceil(seconds / 60)} min` : 'later'
  return new UserError(`${host} has had too many requests (429): pull again ${when}; with \`HF_TOKEN\` it allows more.`)
}
