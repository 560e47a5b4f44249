import { deserialize, serialize } from 'node:v8'
import { Keyv, type KeyvStorageAdapter, type KeyvStorageEntry, keyvStorageCapability } from 'keyv'
import type { Database } from './database.ts'
import { damaged, errorInUse } from './failures.ts'
import type { Page } from './sqlite.ts'

/**
 * What is stored under one path, such as `('differences', scope)`. Values are plain data; Uint8Arrays stay Uint8Arrays.
 */
export type OpenCollection = <Value>(...path: readonly string[]) => Collection<Value>

/** The part of Keyv that the store uses. `setMany` and `deleteMany` do all or nothing. */
type Collection<Value> = Pick<Keyv<Value>, Method>
type Method = 'get' | 'set' | 'setRaw' | 'setMany' | 'delete' | 'deleteMany' | 'clear' | 'iterator'

/** The key of what belongs to `key` and may be large: `entriesOf` leaves it out, and SQLite doesn't even read it. */
export const bodyOf = (key: string): string => `${key}.body`

/** A key for any text. None of them ends like a body's key. */
export const keyOf = (text: string): string => JSON.stringify(text)
export const textOf = (key: string): string => JSON.parse(key)

/** In the order in which the keys were first set. */
export async function entriesOf<Value>(collection: Collection<Value>): Promise<[key: string, value: Value][]> {
  const entries: [string, Value][] = []
  for await (const [key, value] of collection.iterator() as AsyncIterable<[string, Value]>) {
    if (!key.endsWith('.body')) entries.push([key, value])
  }
  return entries
}

/** Collections that are rows of one database. Whatever fails there rejects here. */
export function collectionsIn(database: Database): OpenCollection {
  return (...path) => new Keyv({ store: createAdapter(database, JSON.stringify(path)), serialization: false })
}

/** What Keyv asks of an adapter for `Collection`. `value` is Keyv's own `{ value, expires }`; Keyv checks `expires`. */
type Adapter = Pick<
  Required<KeyvStorageAdapter>,
  'get' | 'set' | 'setMany' | 'delete' | 'deleteMany' | 'clear' | 'iterator'
>

function createAdapter(database: Database, namespace: string): Adapter {
  const write = (entries: readonly KeyvStorageEntry[]) =>
    database.write(
      namespace,
      entries.map((entry) => ({ ...entry, value: serialize(entry.value) })),
    )
  const remove = (keys: readonly string[]) => database.remove(namespace, keys)
  const adapter: Adapter = {
    get: async (key) => {
      const bytes = await database.read(namespace, key)
      return bytes && decode(bytes)
    },
    set: async (key, value, expires) => {
      await write([{ key, value, expires }])
      return true
    },
    setMany: async (entries) => {
      await write(entries)
      return entries.map(() => true)
    },
    delete: async (key) => (await remove([key]))[0] === true,
    deleteMany: remove,
    clear: async () => {
      while (await database.clearSome(namespace));
    },
    async *iterator<Value>() {
      for (let after: number | undefined = 0; after !== undefined; ) {
        const { rows, last }: Page = await database.page(namespace, after)
        for (const { key, value } of rows) yield [key, decode<Awaited<Value>>(value)]
        after = last
      }
    },
  }
  return Object.assign(adapter, { capabilities: keyvStorageCapability(adapter) })
}

function decode<Value>(bytes: Uint8Array): Value {
  try {
    return deserialize(bytes) as Value
  } catch (error) {
    throw errorInUse({ message: String(error), code: damaged })
  }
}
