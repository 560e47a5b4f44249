import { JOBS_PER_PERSON } from '../limits.ts'
import { keyOf, type OpenCollection } from './collections.ts'
import type { Forgetting } from './forgetting.ts'
import type { Locks } from './locks.ts'
import type { Scopes } from './scopes.ts'

export interface ServerSettings {
  /** A folder name in `models/`. @default the bot's model */
  readonly model?: string
  /** @default chosen for each difference */
  readonly strength?: number
  /** Who may save, rename and delete differences. @default 'everyone' */
  readonly savers: 'everyone' | 'managers'
  /** Channel ids; empty means all. @default [] */
  readonly channels: readonly string[]
  /** How many jobs of one person may wait or run. @default JOBS_PER_PERSON */
  readonly personLimit: number
  /** The same for the members of a role, by its id. Of several roles the most generous counts. @default none */
  readonly roleLimits: Readonly<Record<string, number>>
  /** Ids of people who may not make or save anything. @default [] */
  readonly blocked: readonly string[]
  /** The channel in which each job is noted. @default none */
  readonly auditChannel?: string
  /** Work only in age-restricted channels. @default false */
  readonly ageRestrictedOnly: boolean
  /** Keep the pictures that a saved difference was learned from. @default true */
  readonly keepPairs: boolean
  /** How many differences may be saved. @default 100 */
  readonly limit: number
}

/** `undefined` resets a setting to its default; an absent one stays as it is. */
export type SettingsChange = { readonly [Name in keyof ServerSettings]?: ServerSettings[Name] | undefined }

export interface SettingsStore {
  get(scope: string): Promise<ServerSettings>
  /**
   * Resolves to all settings as they are now.
   * @param change May depend on the settings before it: nothing else changes them meanwhile.
   */
  change(
    scope: string,
    change: SettingsChange | ((settings: ServerSettings) => SettingsChange),
  ): Promise<ServerSettings>
}

const defaults: ServerSettings = {
  savers: 'everyone',
  channels: [],
  personLimit: JOBS_PER_PERSON,
  roleLimits: {},
  blocked: [],
  ageRestrictedOnly: false,
  keepPairs: true,
  limit: 100,
}

/** Nothing is kept in memory: another process may change it. */
export function createSettings(
  open: OpenCollection,
  locks: Locks,
  know: Scopes['know'],
): SettingsStore & Pick<Forgetting, 'forget'> {
  const collection = open<SettingsChange>('settings')
  const changesOf = async (scope: string) => (await collection.get(keyOf(scope))) ?? {}

  return {
    get: async (scope) => ({ ...defaults, ...(await changesOf(scope)) }),

    change: (scope, change) =>
      locks.run(scope, async () => {
        const before = await changesOf(scope)
        const wanted = typeof change === 'function' ? change({ ...defaults, ...before }) : change
        const all = Object.entries({ ...before, ...wanted })
        const changed: SettingsChange = Object.fromEntries(all.filter(([, value]) => value !== undefined))
        await know(scope)
        await collection.set(keyOf(scope), changed)
        return { ...defaults, ...changed }
      }),

    forget: (scope) =>
      locks.run(scope, async () => {
        await collection.delete(keyOf(scope))
      }),
  }
}
