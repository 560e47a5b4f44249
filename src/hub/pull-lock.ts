import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { UserError } from '../errors.ts'

/**
 * Keeps other pulls away from a model's folder, in this process and in others. SQLite's lock on the empty file `.pulling`
 * is one of the operating system: it ends with its process, however that ends, so that none is ever stale. The file stays,
 * since whoever removed it could take it from under another's lock.
 * @throws UserError when the model is being pulled already, or the folder cannot be written.
 */
export function lockPull({ name, folder }: { readonly name: string; readonly folder: string }): Disposable {
  let database: DatabaseSync | undefined
  try {
    database = new DatabaseSync(join(folder, '.pulling'), { timeout: 0 })
    database.exec('BEGIN EXCLUSIVE')
  } catch (cause) {
    database?.close()
    if (Object(cause).errcode === SQLITE_BUSY) {
      throw new UserError(`The model “${name}” is being pulled by another process: wait for it.`)
    }
    throw new UserError(`\`${folder}\` cannot be written: ${Object(cause).message}.`, { cause })
  }
  const held = database
  return { [Symbol.dispose]: () => held.close() }
}

const SQLITE_BUSY = 5
