import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { UserError } from '../errors.ts'

/**
 * Keeps other pulls away from a model's folder, in this process and in others. SQLite's lock on the empty file
 * `.pulling` belongs to the operating system and ends with its process, so it is never stale. The file stays, because
 * deleting it could remove another process's lock.
 * @throws UserError if the model is already being pulled, or the folder can't be written
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
    throw new UserError(`\`${folder}\` cannot be written: ${Object(cause).message}.`, {}, { cause })
  }
  const held = database
  return { [Symbol.dispose]: () => held.close() }
}

const SQLITE_BUSY = 5
