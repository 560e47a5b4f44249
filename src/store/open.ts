import { UserError } from '../errors.ts'
import type { Differences } from './differences.ts'
import type { Results } from './results.ts'
import type { SettingsStore } from './settings.ts'
import type { TicketStorage } from './tickets.ts'

/** A scope is a server's id, or `@` and a person's id in direct messages. */
export interface Store {
  readonly differences: Differences
  readonly settings: SettingsStore
  readonly results: Results
  readonly tickets: TicketStorage
  /** Deletes everything of a scope but its tickets, which are the queue's. */
  forget(scope: string): Promise<void>
  /** Deletes a person's saved differences and results in a scope; resolves to how many they were. */
  forgetPerson(scope: string, person: string): Promise<number>
  /** The bot left the server: what it has is forgotten by the first sweep `graceMs` after `at`. */
  leave(scope: string, at: number): Promise<void>
  /** The bot is back before that. */
  comeBack(scope: string): Promise<void>
  /** Deletes what is past its time. To be called now and then. */
  sweep(now: number): Promise<void>
  close(): Promise<void>
}

export interface StoreOptions {
  /** @default 30 days */
  readonly graceMs?: number
  /** Milliseconds since 1970. @default Date.now */
  readonly now?: () => number
}

/**
 * Opens `isto.sqlite` in the folder, which is made where there is none. One process at a time may have it open.
 * @throws UserError when the folder can't be written, the disk is full, or the file is damaged or open elsewhere.
 */
export async function openStore(_dataDirectory: string, _options: StoreOptions = {}): Promise<Store> {
  throw new UserError('The store is not there yet.')
}
