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
