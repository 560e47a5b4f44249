import type { DifferenceFacts, DifferencePictures, StoredPair } from './differences.ts'

/** What stands behind a result message, so that its buttons still work when it is old. */
export interface ResultRecord {
  /** The ticket's. */
  readonly id: string
  readonly scope: string
  readonly person: string
  readonly channelId: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** What it was learned from, as far as that is known; the first one is shown. */
  readonly pairs: readonly StoredPair[]
  /** B, encoded as received. */
  readonly image: Uint8Array
  /** What the pictures are called when they are posted again. */
  readonly fileNames?: { readonly a?: string; readonly a2?: string; readonly b?: string }
  /** `bytes`: a safetensors file. `name`: of a saved one; a difference without a name was learned for this result. */
  readonly differences: readonly { readonly bytes: Uint8Array; readonly strength?: number; readonly name?: string }[]
  readonly options: {
    readonly model: string
    readonly mode: 'fast' | 'parity'
    readonly seed: number
    readonly strength?: number
    readonly preserve?: number
    readonly prompt?: string
  }
  readonly facts: DifferenceFacts
  readonly pictures: DifferencePictures
}

/** Kept for 90 days from `at`. */
export interface Results {
  put(record: ResultRecord): Promise<void>
  get(id: string): Promise<ResultRecord | undefined>
  /** The newest one by this person in this channel that has a difference of its own: one without a name. */
  latest(scope: string, channelId: string, person: string): Promise<ResultRecord | undefined>
  remove(id: string): Promise<void>
}
