import { DatabaseSync, type SQLOutputValue } from 'node:sqlite'
import { crc32 } from 'node:zlib'
import { damaged, tooNew } from './failures.ts'

export interface Row {
  readonly key: string
  readonly value: Uint8Array
  /** Whole milliseconds since 1970. */
  readonly expires?: number | undefined
}

/** One page of a listing. `last` is where the next page starts; it is absent on the last page. */
export interface Page {
  readonly rows: readonly Row[]
  readonly last?: number
}

/** The version of the table's layout; a file with a higher one is left alone. Up to 1 a checksum was of the value alone. */
const layout = 2
const pageRows = 500
const pageBytes = 8 << 20

export type Sqlite = ReturnType<typeof openSqlite>

/**
 * Values by namespace and key in one file, which is locked for this process. Everything is synchronous, and a value of
 * 30 MB takes a good part of a second, so call it in a thread of its own. A commit is on the disk when the call
 * returns, even if the process or the power fails.
 * @throws Error with SQLite's `errcode`
 */
export function openSqlite(path: string) {
  // The previous process may still be exiting.
  const database = new DatabaseSync(path, { timeout: 2000 })
  try {
    prepare(database)
    return createOperations(database)
  } catch (error) {
    database.close()
    throw error
  }
}

function prepare(database: DatabaseSync): void {
  // Locked before anything is read, so that no memory is shared with other processes: a full disk has no room for that.
  // The pages are large because most of the file is pictures. Deleted content is overwritten, or its pages go with a
  // sweep.
  database.exec(`
    PRAGMA locking_mode = EXCLUSIVE;
    PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL; PRAGMA secure_delete = FAST;
    PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 256; PRAGMA journal_size_limit = 67108864;
  `)
  const version = numberOf(database.prepare('PRAGMA user_version').get())
  if (version > layout) throw failure(tooNew, `Expected layout ${layout} at most, got ${version}.`)
  database.exec(`
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS entries (
      id INTEGER PRIMARY KEY, namespace TEXT NOT NULL, key TEXT NOT NULL, expires INTEGER, checksum INTEGER NOT NULL,
      value BLOB NOT NULL, UNIQUE (namespace, key)
    ) STRICT;
    CREATE INDEX IF NOT EXISTS entries_in_order ON entries (namespace, id);
    CREATE INDEX IF NOT EXISTS entries_by_expiry ON entries (expires) WHERE expires IS NOT NULL;
    PRAGMA user_version = ${layout};
    COMMIT;
  `)
}

function createOperations(database: DatabaseSync) {
  const select = database.prepare('SELECT checksum, value FROM entries WHERE namespace = ? AND key = ?')
  const list = database.prepare(`
    SELECT id, key, checksum, value FROM entries
    WHERE namespace = ? AND id > ? AND key NOT GLOB '*.body' ORDER BY id LIMIT ?`)
  const upsert = database.prepare(`
    INSERT INTO entries (namespace, key, expires, checksum, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT (namespace, key)
    DO UPDATE SET expires = excluded.expires, checksum = excluded.checksum, value = excluded.value`)
  const remove = database.prepare(
    'DELETE FROM entries WHERE namespace = ? AND key IN (SELECT value FROM json_each(?)) RETURNING key',
  )
  const clear = database.prepare(
    'DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE namespace = ? LIMIT 20)',
  )
  const expire = database.prepare(
    'DELETE FROM entries WHERE id IN (SELECT id FROM entries WHERE expires <= ? LIMIT 20)',
  )
  const freePages = database.prepare('PRAGMA freelist_count')

  return {
    read: (namespace: string, key: string): Uint8Array | undefined => {
      const row = select.get(namespace, key)
      return row && checked(row, namespace, key)
    },

    /** All of them or none. */
    write: (namespace: string, rows: readonly Row[]): void => {
      database.exec('BEGIN IMMEDIATE')
      try {
        for (const { key, value, expires } of rows) {
          upsert.run(namespace, key, expires ?? null, checksumOf(namespace, key, value), value)
        }
        database.exec('COMMIT')
      } finally {
        if (database.isTransaction) database.exec('ROLLBACK')
      }
    },

    /** All of them or none. Returns those that existed, in the order of the keys. */
    remove: (namespace: string, keys: readonly string[]): boolean[] => {
      const removed = new Set(remove.all(namespace, JSON.stringify(keys)).map(({ key }) => key))
      return keys.map((key) => removed.has(key))
    },

    /** Some of a namespace. True while more may be left. */
    clearSome: (namespace: string): boolean => Number(clear.run(namespace).changes) > 0,

    /**
     * In the order in which the keys were first written, a few megabytes at a time, without keys that end in `.body`.
     */
    page: (namespace: string, after: number): Page => {
      const rows: Row[] = []
      let bytes = 0
      for (const row of list.iterate(namespace, after, pageRows)) {
        const key = String(row.key)
        const value = checked(row, namespace, key)
        rows.push({ key, value })
        bytes += value.length
        if (rows.length === pageRows || bytes >= pageBytes) return { rows, last: Number(row.id) }
      }
      return { rows }
    },

    /** One part of a sweep: delete what has expired, then give free space back. True while there is more to do. */
    sweepSome: (now: number): boolean => {
      if (Number(expire.run(now).changes) > 0) return true
      const free = numberOf(freePages.get())
      database.exec('PRAGMA incremental_vacuum(1000)')
      if (free > 0 && numberOf(freePages.get()) < free) return true
      database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
      return false
    },

    close: (): void => database.close(),
  }
}

/** Of the value where it is, so that a value is not taken for another one's where an index is damaged. */
const checksumOf = (namespace: string, key: string, value: Uint8Array) =>
  crc32(value, crc32(JSON.stringify([namespace, key])))

function checked({ checksum, value }: Record<string, SQLOutputValue>, namespace: string, key: string): Uint8Array {
  const isSound =
    value instanceof Uint8Array && (checksum === checksumOf(namespace, key, value) || checksum === crc32(value))
  if (isSound) return value
  throw failure(damaged, 'A value is not what was written.')
}

const failure = (errcode: number, message: string) => Object.assign(new Error(message), { errcode })

const numberOf = (row: Record<string, SQLOutputValue> = {}) => Number(Object.values(row)[0])
