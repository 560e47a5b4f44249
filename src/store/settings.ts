import { keyOf, type OpenCollection } from './collections.ts'
import type { Forgetting } from './forgetting.ts'
import type { Locks } from './locks.ts'
import type { Scopes } from './scopes.ts'

export interface ServerSettings {
  /** A folder name in `models/`. @default the bot's */
  readonly model?: string
  /** @default chosen per difference */
  readonly strength?: number
  /** Who may save, rename and delete differences. @default 'everyone' */
  readonly savers: 'everyone' | 'managers'
  /** Channel ids; empty means all. @default [] */
  readonly channels: readonly string[]
  /** Jobs of one person that wait or run. @default 5 */
  readonly personLimit: number
  /** Work in age-restricted channels only. @default false */
  readonly ageRestrictedOnly: boolean
  /** Keep the pictures a saved difference was learned from. @default true */
  readonly keepPairs: boolean
  /** Saved differences. @default 100 */
  readonly limit: number
}

/** `undefined` takes a setting back to its default; one that is absent stays. */
export type SettingsChange = { readonly [Name in keyof ServerSettings]?: ServerSettings[Name] | undefined }

export interface SettingsStore {
  get(scope: string): Promise<ServerSettings>
  /** Resolves to all settings as they are now. */
  change(scope: string, change: SettingsChange): Promise<ServerSettings>
}

const defaults: ServerSettings = {
  savers: 'everyone',
  channels: [],
  personLimit: 5,
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
        const all = Object.entries({ ...(await changesOf(scope)), ...change })
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
