import { crc32 } from 'node:zlib'
import type { Database } from './database.ts'
import { damaged, errorInUse } from './failures.ts'
import type { Postgres, Statements } from './postgres.ts'
import type { Row } from './sqlite.ts'

const pageRows = 100
const batchRows = 100

/** The store's table, which is created if needed. The same operations as SQLite's, for any number of processes. */
export async function openPostgresDatabase(postgres: Postgres): Promise<Database> {
  await postgres.exclusively('isto layout', () => postgres.transaction(prepare))
  const { query, transaction } = postgres
  const ids = async (text: string, values: readonly unknown[]) => (await query<{ id: string }>(text, values)).length > 0

  return {
    read: async (namespace, key) => {
      const [row] = await query<StoredRow>(
        'SELECT checksum, value FROM isto.entries WHERE namespace = $1 AND key = $2',
        [namespace, key],
      )
      return row && checked(row)
    },
    write: (namespace, rows) =>
      transaction(async (statements) => {
        for (const row of rows) await upsert(statements, namespace, row)
      }),
    remove: async (namespace, keys) => {
      const text = 'DELETE FROM isto.entries WHERE namespace = $1 AND key = ANY($2) RETURNING key'
      const removed = new Set((await query<{ key: string }>(text, [namespace, keys])).map(({ key }) => key))
      return keys.map((key) => removed.has(key))
    },
    clearSome: (namespace) =>
      ids(`DELETE FROM isto.entries WHERE id IN (${some('namespace = $1')}) RETURNING id`, [namespace]),
    page: async (namespace, after) => {
      const rows = await query<StoredRow & { id: string; key: string }>(
        `SELECT id, key, checksum, value FROM isto.entries
         WHERE namespace = $1 AND id > $2 AND key NOT LIKE '%.body' ORDER BY id LIMIT ${pageRows}`,
        [namespace, after],
      )
      const found = rows.map((row): Row => ({ key: row.key, value: checked(row) }))
      return rows.length < pageRows ? { rows: found } : { rows: found, last: Number(rows.at(-1)!.id) }
    },
    sweepSome: (now) => ids(`DELETE FROM isto.entries WHERE id IN (${some('expires <= $1')}) RETURNING id`, [now]),
    close: postgres.close,
  }
}

interface StoredRow {
  readonly checksum: string
  readonly value: Uint8Array
}

async function prepare({ query }: Statements): Promise<void> {
  const [found] = await query<{ isThere: boolean }>(`SELECT to_regclass('isto.entries') IS NOT NULL AS "isThere"`)
  if (found?.isThere) return
  await query('CREATE SCHEMA IF NOT EXISTS isto')
  await query(`CREATE TABLE isto.entries (
    id bigserial PRIMARY KEY, namespace text COLLATE "C" NOT NULL, key text COLLATE "C" NOT NULL, expires bigint,
    checksum bigint NOT NULL, value bytea NOT NULL, UNIQUE (namespace, key)
  )`)
  // Pictures are already compressed.
  await query('ALTER TABLE isto.entries ALTER COLUMN value SET STORAGE EXTERNAL')
  await query('CREATE INDEX entries_in_order ON isto.entries (namespace, id)')
  await query('CREATE INDEX entries_by_expiry ON isto.entries (expires) WHERE expires IS NOT NULL')
}

async function upsert({ query }: Statements, namespace: string, { key, value, expires }: Row): Promise<void> {
  await query(
    `INSERT INTO isto.entries (namespace, key, expires, checksum, value) VALUES ($1, $2, $3, $4, $5)
     ON CONFLICT (namespace, key) DO UPDATE
     SET expires = excluded.expires, checksum = excluded.checksum, value = excluded.value`,
    [namespace, key, expires ?? null, crc32(value), value],
  )
}

const some = (condition: string) => `SELECT id FROM isto.entries WHERE ${condition} LIMIT ${batchRows}`

function checked({ checksum, value }: StoredRow): Uint8Array {
  if (crc32(value) !== Number(checksum))
    throw errorInUse({ message: 'A value is not what was written.', code: damaged })
  return value
}
