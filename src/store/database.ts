import { access, chmod, constants, mkdir, open } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { buffersIn } from './buffers.ts'
import { errorAtOpening, errorInUse, type Failure, failureOf } from './failures.ts'
import type { Sqlite } from './sqlite.ts'

/** Asks for one operation. */
export type Request<Name extends keyof Sqlite = keyof Sqlite> = {
  readonly [Each in Name]: { readonly id: number; readonly name: Each; readonly given: Parameters<Sqlite[Each]> }
}[Name]

export interface Answer {
  readonly id: number
  readonly result?: unknown
  readonly failure?: Failure
}

/**
 * `Sqlite` without waiting for the disk. Operations run one at a time, in the order of the calls. Uint8Arrays are
 * moved: the caller can't use them afterwards.
 */
export type Database = {
  readonly [Name in keyof Sqlite]: (...given: Parameters<Sqlite[Name]>) => Promise<ReturnType<Sqlite[Name]>>
}

/**
 * Opens the file, and creates it with its folders if needed. Only the owner may read it.
 * @throws UserError if it can't be created or written, or is damaged or in use. Operations throw the same if the disk
 *   fails them.
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
    // The process may end while nothing is pending, but not before an answer.
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
      thread.postMessage({ id, name, given } satisfies Request<Name>, buffersIn(given))
      return expect(id) as Promise<ReturnType<Sqlite[Name]>>
    }

  await expect(0)
  return {
    read: ask('read'),
    write: ask('write'),
    remove: ask('remove'),
    clearSome: ask('clearSome'),
    page: ask('page'),
    sweepSome: ask('sweepSome'),
    close: ask('close'),
  }
}

async function makeFile(path: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  try {
    // An existing file is never opened here: closing it would release SQLite's locks of this process.
    await (await open(path, 'wx', 0o600)).close()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    // Fails if the file is somebody else's, or the file system has no modes.
    await chmod(path, 0o600).catch(() => {})
    await access(path, constants.W_OK)
  }
}
