import { entriesOf, type OpenCollection } from './collections.ts'

/** Where the queue stores its jobs. What is put comes back unchanged: plain data and Uint8Arrays. */
export interface TicketStorage {
  put(id: string, record: object): Promise<void>
  remove(id: string): Promise<void>
  /** In the order in which they were first put. The caller knows the type of what it put. */
  all<TicketRecord extends object>(): Promise<TicketRecord[]>
}

export function createTickets(open: OpenCollection): TicketStorage {
  const collection = open<object>('tickets')
  return {
    put: async (id, record) => {
      await collection.set(id, record)
    },
    remove: async (id) => {
      await collection.delete(id)
    },
    all: async <TicketRecord>() => (await entriesOf(collection)).map(([, record]) => record as TicketRecord),
  }
}
