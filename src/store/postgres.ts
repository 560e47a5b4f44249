import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { errorAtConnecting, errorInUse, failureOf, gone } from './failures.ts'

export interface Statements {
  /** The rows. bytea is a Buffer, bigint is text. */
  readonly query: <Row extends object>(text: string, values?: readonly unknown[]) => Promise<readonly Row[]>
  /** What pg returns: a result, or one for each of several statements. */
  readonly run: (text: string, values?: readonly unknown[]) => Promise<{ rows: Record<string, unknown>[] }>
}

/**
 * A Postgres that several processes share. Statements reject with a UserError that may be shown if it can't be reached.
 */
export interface Postgres extends Statements {
  /** Over connections of their own: for statements that a transaction waits for. */
  readonly beside: Statements
  /** All of it or nothing; the work's own rejection is passed on. */
  readonly transaction: <Result>(work: (statements: Statements) => Promise<Result>) => Promise<Result>
  /** Runs one piece of work per key at a time, in whichever process. */
  readonly exclusively: <Result>(key: string, work: () => Promise<Result>) => Promise<Result>
  /**
   * Waits until no other process holds the key, then holds it until the process ends. If the connection breaks, and another
   * process has the key by the time it is restored, `onLost` is called.
   */
  readonly hold: (key: string, onLost: () => void) => Promise<void>
  /**
   * Listens to the channel from now on, over one connection for all that is restored when it breaks. `onMessage` is
   * called with '' when something may have been missed. Resolves to a function that stops it.
   */
  readonly listen: (channel: string, onMessage: (payload: string) => void) => Promise<() => Promise<void>>
  readonly close: () => Promise<void>
}

/**
 * @param url `postgres://user:password@host/database`; `?sslmode=verify-full` asks for TLS.
 * @param onWait If given, a Postgres that can't be reached is waited for, and that is told once.
 * @throws UserError if it can't be reached
 */
export async function openPostgres(url: string, onWait?: (sentence: string) => void): Promise<Postgres> {
  // A connection that holds a lock waits for other statements, so the two never compete for the same connections.
  const pool = createPool(url, 8)
  const locks = createPool(url, 8)
  const beside = createPool(url, 4)
  for (let tries = 0; ; tries++) {
    try {
      await pool.query('SELECT')
      break
    } catch (error) {
      const failure = failureOfPostgres(error)
      if (!onWait || failure.code !== gone) throw errorAtConnecting(failure)
      if (tries === 0) onWait(errorAtConnecting(failure).message)
      await sleep(retryMilliseconds)
    }
  }

  const transaction: Postgres['transaction'] = async (work) => {
    const client = await pool.connect().catch(rejectInUse)
    let broken: Error | undefined
    try {
      await client.query('BEGIN').catch(rejectInUse)
      const result = await work(statementsOf(client))
      await client.query('COMMIT').catch(rejectInUse)
      return result
    } catch (error) {
      await client.query('ROLLBACK').catch((cause: Error) => {
        broken = cause
      })
      throw error
    } finally {
      client.release(broken)
    }
  }

  const exclusively: Postgres['exclusively'] = async (key, work) => {
    const client = await locks.connect().catch(rejectInUse)
    let broken: Error | undefined
    try {
      await client.query('SELECT pg_advisory_lock(hashtextextended($1, 0))', [JSON.stringify(key)]).catch(rejectInUse)
      return await work()
    } finally {
      // A connection that breaks releases its locks.
      await client.query('SELECT pg_advisory_unlock_all()').catch((cause: Error) => {
        broken = cause
      })
      client.release(broken)
    }
  }

  const held: Held[] = []
  const listener = createListener(url)
  return {
    ...statementsOf(pool),
    beside: statementsOf(beside),
    transaction,
    exclusively,
    hold: async (key, onLost) => {
      held.push(await hold(url, key, onLost))
    },
    listen: listener.listen,
    close: async () => {
      await Promise.allSettled([listener.close(), ...held.map((end) => end())])
      await Promise.allSettled([pool, locks, beside].map((one) => one.end()))
    },
  }
}

function createPool(connectionString: string, max: number): pg.Pool {
  const pool = new pg.Pool({ connectionString, max, connectionTimeoutMillis: 10_000, application_name: 'isto' })
  // An idle connection that breaks is replaced automatically; without a listener the event would end the process.
  pool.on('error', () => {})
  // The same for one that breaks during a statement, which also rejects.
  pool.on('connect', (client) => client.on('error', () => {}))
  return pool
}

function statementsOf(client: pg.Pool | pg.PoolClient): Statements {
  const run = <Row extends object>(text: string, values: readonly unknown[] = []) =>
    client.query<Row & pg.QueryResultRow>(text, [...values]).catch(rejectInUse)
  return {
    run,
    query: async <Row extends object>(text: string, values?: readonly unknown[]) => (await run<Row>(text, values)).rows,
  }
}

/** One connection that listens to any number of channels. */
function createListener(url: string): Pick<Postgres, 'listen' | 'close'> {
  const channels = new Map<string, Set<(payload: string) => void>>()
  let opened: Promise<pg.Client> | undefined
  let isOver = false

  const open = async (): Promise<pg.Client> => {
    const client = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'isto' })
    client.on('notification', ({ channel, payload = '' }) => {
      for (const onMessage of channels.get(channel) ?? []) onMessage(payload)
    })
    let isBroken = false
    const again = () => {
      if (isBroken) return
      isBroken = true
      opened = undefined
      if (!isOver && channels.size > 0) setTimeout(restore, retryMilliseconds).unref()
    }
    client.on('error', again)
    client.on('end', again)
    try {
      await client.connect()
      for (const channel of channels.keys()) await client.query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      return client
    } catch (error) {
      again()
      throw error
    }
  }
  const restore = () => {
    opened ??= open()
    opened.then(
      () => {
        for (const onMessages of channels.values()) for (const onMessage of onMessages) onMessage('')
      },
      // Another try is due.
      () => {},
    )
  }

  return {
    listen: async (channel, onMessage) => {
      const onMessages = channels.get(channel) ?? new Set()
      channels.set(channel, onMessages.add(onMessage))
      const forget = () => {
        onMessages.delete(onMessage)
        if (onMessages.size === 0) channels.delete(channel)
      }
      opened ??= open()
      try {
        await (await opened).query(`LISTEN ${pg.escapeIdentifier(channel)}`)
      } catch (error) {
        forget()
        rejectInUse(error)
      }
      return async () => forget()
    },
    close: async () => {
      isOver = true
      await (await opened?.catch(() => undefined))?.end()
    },
  }
}

type Held = () => Promise<void>

async function hold(url: string, key: string, onLost: () => void): Promise<Held> {
  let client: pg.Client | undefined
  let isOver = false
  const take = async (lock: 'pg_advisory_lock' | 'pg_try_advisory_lock'): Promise<boolean> => {
    const next = new pg.Client({ connectionString: url, keepAlive: true, application_name: 'isto' })
    const again = () => {
      if (client !== next || isOver) return
      client = undefined
      setTimeout(() => void takeAgain(), retryMilliseconds).unref()
    }
    next.on('error', again)
    next.on('end', again)
    await next.connect()
    const { rows } = await next.query(`SELECT ${lock}(hashtextextended($1, 0)) AS held`, [JSON.stringify(key)])
    client = next
    return rows[0].held !== false
  }
  const takeAgain = async () => {
    const isHeld = await take('pg_try_advisory_lock').catch(() => undefined)
    if (isHeld === undefined && !isOver) setTimeout(() => void takeAgain(), retryMilliseconds).unref()
    if (isHeld === false && !isOver) onLost()
  }
  for (;;) {
    try {
      await take('pg_advisory_lock')
      break
    } catch (error) {
      const failure = failureOfPostgres(error)
      if (failure.code !== gone) throw errorInUse(failure)
      await sleep(retryMilliseconds)
    }
  }
  return async () => {
    isOver = true
    await client?.end()
  }
}

const retryMilliseconds = 1000

const rejectInUse = (error: unknown): never => {
  throw errorInUse(failureOfPostgres(error))
}

/** A connection that breaks has no code, or one of many. */
function failureOfPostgres(error: unknown) {
  const failure = failureOf(error)
  const { code } = failure
  const isGone =
    code === undefined ||
    /^(08|57P0)|^(ECONN|EPIPE|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOTFOUND|EAI_AGAIN|ENOENT)/.test(String(code))
  return isGone ? { ...failure, code: gone } : failure
}
