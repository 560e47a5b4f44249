import { access, chmod, constants, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { buffersIn } from './buffers.ts'
import { errorAtOpening, errorInUse, type Failure, failureOf } from './failures.ts'
import type { Sqlite } from './sqlite.ts'

export interface Request {
  readonly id: number
  readonly name: keyof Sqlite
  readonly given: readonly unknown[]
}

export interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly failure?: Failure
}

/**
 * `Sqlite` without waiting for the disk: the operations run one after the other, in the order of the calls. Uint8Arrays are
 * handed over: whoever gave them has them no more.
 */
export type Database = {
  readonly [Name in keyof Sqlite]: (...given: Parameters<Sqlite[Name]>) => Promise<ReturnType<Sqlite[Name]>>
}

/**
 * Opens the file, made where there is none, with its folders; only the owner may read it.
 * @throws UserError when it can't be made or written, or is damaged or in use; so do the operations, if the disk fails them.
 */
export async function openDatabase(path: string): Promise<Database> {
  await makeFile(path).catch((error: unknown) => {
    throw errorAtOpening(path, failureOf(error))
  })
  const thread = new Worker(new URL('sqlite-thread.ts', import.meta.url), { workerData: path })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let asked = 0
  let end: Error | undefined

  const expect = (id: number) => {
    const expected = Promise.withResolvers<unknown>()
    waiting.set(id, expected)
    // The process may end while nothing is asked, but not before an answer.
    thread.ref()
    return expected.promise
  }
  const endWith = (error: Error) => {
    end ??= error
    for (const expected of waiting.values()) expected.reject(end)
    waiting.clear()
  }
  thread.on('message', ({ id, result, failure }: Answer) => {
    const expected = waiting.get(id)
    waiting.delete(id)
    if (waiting.size === 0) thread.unref()
    if (!failure) expected?.resolve(result)
    else expected?.reject(id === 0 ? errorAtOpening(path, failure) : errorInUse(failure))
  })
  thread.on('error', (cause) => endWith(new Error('The thread of the database failed.', { cause })))
  thread.on('exit', () => endWith(new Error('The database is closed.')))

  const ask =
    <Name extends keyof Sqlite>(name: Name) =>
    (...given: Parameters<Sqlite[Name]>): Promise<ReturnType<Sqlite[Name]>> => {
      if (end) return Promise.reject(end)
      const id = ++asked
      thread.postMessage({ id, name, given } satisfies Request, buffersIn(given))
      return expect(id) as Promise<ReturnType<Sqlite[Name]>>
    }

  await expect(0)
  return {
    ...{ read: ask('read'), write: ask('write'), remove: ask('remove') },
    ...{ clearSome: ask('clearSome'), page: ask('page'), sweepSome: ask('sweepSome'), close: ask('close') },
  }
}

async function makeFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    // Never opened when it is there: closing it would let go of SQLite's locks of this process.
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // Fails where it is another's file, or the disk knows no modes.
    await chmod(path, 0o600).catch(() => {})
    await access(path, constants.W_OK)
  }
}
