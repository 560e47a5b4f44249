import { keyOf, type OpenCollection } from './collections.ts'

/** What a person is to be told at the next command, whichever process answers it. */
export interface Notes {
  put(person: string, text: string): Promise<void>
  /** Once. */
  take(person: string): Promise<string | undefined>
}

export function createNotes(open: OpenCollection): Notes {
  const collection = open<string>('notes')
  return {
    put: async (person, text) => {
      await collection.setRaw(keyOf(person), { value: text, expires: Date.now() + keptMilliseconds })
    },
    take: async (person) => {
      const text = await collection.get(keyOf(person))
      return text !== undefined && (await collection.delete(keyOf(person))) ? text : undefined
    },
  }
}

const keptMilliseconds = 30 * 24 * 60 * 60 * 1000
