import { join } from 'node:path'
import { UserError } from '../errors.ts'
import { collectionsIn, entriesOf, type OpenCollection } from './collections.ts'
import { openDatabase } from './database.ts'
import { createDifferences, type Differences } from './differences.ts'
import { errorAtOpening, failureOf } from './failures.ts'
import { createLocks, createSharedLocks, type Locks } from './locks.ts'
import { createNotes, type Notes } from './notes.ts'
import type { Postgres } from './postgres.ts'
import { openPostgresDatabase } from './postgres-database.ts'
import { createResults, type ResultLimits, type Results, type Usage } from './results.ts'
import { createRetries, type Retries } from './retries.ts'
import { createScopes } from './scopes.ts'
import { createSettings, type SettingsStore } from './settings.ts'
import { createTallies, type Tallies } from './tallies.ts'
import { createTickets, type TicketStorage } from './tickets.ts'

/** A scope is a server's id, or `@` and a person's id in direct messages. */
export interface Store {
  readonly differences: Differences
  readonly settings: SettingsStore
  readonly results: Results
  readonly tickets: TicketStorage
  readonly notes: Notes
  readonly retries: Retries
  readonly tallies: Tallies
  /** Deletes everything in a scope except its tickets, which belong to the queue. */
  forget(scope: string): Promise<void>
  /** Deletes a person's saved differences, results, retries and tallies in a scope. Resolves to how many there were. */
  forgetPerson(scope: string, person: string): Promise<number>
  /** `forgetPerson` in every scope, `forget` for the person's own one, and what the person was to be told. */
  forgetEverywhere(person: string): Promise<void>
  /** The bot left the server. Its data is deleted by the first sweep `graceMs` after `at`. */
  leave(scope: string, at: number): Promise<void>
  /** The bot came back before that. */
  markReturned(scope: string): Promise<void>
  /**
   * `leave` and `markReturned` for all servers at once, by which of them the bot is on: some may have gone while it was
   * offline.
   * @param isOurs Whether `servers` would contain this server if the bot were on it. @default all
   */
  syncServers(servers: readonly string[], at: number, isOurs?: (server: string) => boolean): Promise<void>
  /** Deletes what has expired and gives the space back to the disk. Call it now and then. */
  sweep(now: number): Promise<void>
  /** What was kept of results when they were last swept. */
  usage(): Usage | undefined
  close(): Promise<void>
}

export interface StoreOptions {
  /** @default 30 days */
  readonly graceMs?: number
  /** Bytes of results per scope and in all; the oldest go first. @default no limit */
  readonly resultBytes?: ResultLimits
}

/** The storage behind a store. */
interface Backing {
  readonly open: OpenCollection
  /** @default a lock within this process */
  readonly locks?: Locks
  /** Really deletes what has expired. */
  sweep(now: number): Promise<void>
  close(): Promise<void>
}

/**
 * Opens `isto.sqlite` in the folder, and creates the folder if needed. Only one process at a time may have it open.
 * @throws UserError if the folder can't be written, the disk is full, or the file is damaged or open elsewhere
 */
export async function openStore(dataDirectory: string, options?: StoreOptions): Promise<Store> {
  const path = join(dataDirectory, 'isto.sqlite')
  const database = await openDatabase(path)
  const sweep = async (now: number) => {
    while (await database.sweepSome(now));
  }
  const open = collectionsIn(database)
  try {
    // It is better to find damage before people are told anything.
    for (const part of ['scopes', 'settings']) await entriesOf(open(part))
    return createStore({ open, sweep, close: database.close }, options)
  } catch (error) {
    await database.close()
    throw error instanceof UserError ? errorAtOpening(path, failureOf(error.cause)) : error
  }
}

/** A store in a Postgres that other processes use at the same time. */
export async function openSharedStore(postgres: Postgres, options?: StoreOptions): Promise<Store> {
  const database = await openPostgresDatabase(postgres)
  const sweep = async (now: number) => {
    while (await database.sweepSome(now));
  }
  const locks = createSharedLocks(postgres.exclusively)
  return createStore({ open: collectionsIn(database), locks, sweep, close: database.close }, options)
}

/** A store over any Keyv. */
export function createStore(
  { open, sweep, close, locks = createLocks() }: Backing,
  { graceMs = 30 * 24 * 60 * 60 * 1000, resultBytes = { server: Infinity, all: Infinity } }: StoreOptions = {},
): Store {
  const scopes = createScopes(open)
  const settings = createSettings(open, locks, scopes.know)
  const differences = createDifferences(open, locks, scopes.know)
  const results = createResults(open, scopes.know, resultBytes)
  let usage: Usage | undefined
  const retries = createRetries(open, scopes.know)
  const tallies = createTallies(open, locks, scopes.know)

  const notes = createNotes(open)

  const forget = async (scope: string) => {
    for (const part of [differences, results, retries, tallies, settings]) await part.forget(scope)
    await scopes.forget(scope)
  }
  const forgetPerson = async (scope: string, person: string) => {
    let forgotten = 0
    for (const part of [differences, results, retries, tallies]) forgotten += await part.forgetPerson(scope, person)
    return forgotten
  }

  return {
    differences,
    settings,
    results,
    retries,
    tallies,
    tickets: createTickets(open),
    notes,
    forget,
    forgetPerson,
    forgetEverywhere: async (person) => {
      const own = `@${person}`
      for (const scope of await scopes.all()) if (scope !== own) await forgetPerson(scope, person)
      await forget(own)
      await notes.take(person)
    },
    leave: scopes.leave,
    markReturned: scopes.markReturned,
    syncServers: async (servers, at, isOurs = () => true) => {
      const present = new Set(servers)
      for (const scope of (await scopes.servers()).filter(isOurs)) {
        await (present.has(scope) ? scopes.markReturned(scope) : scopes.leave(scope, at))
      }
    },
    sweep: async (now) => {
      for (const scope of await scopes.leftBy(now - graceMs)) await forget(scope)
      usage = await results.limit(await scopes.all())
      await sweep(now)
    },
    usage: () => usage,
    close,
  }
}
