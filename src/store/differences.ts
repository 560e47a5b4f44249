/** What is known of a learned difference. Plain data. */
export interface DifferenceFacts {
  readonly model: string
  /** Of the model's files: a difference is of use to this model only. */
  readonly modelHash?: string
  readonly mode: 'fast' | 'parity'
  readonly seed: number
  readonly steps?: number
  readonly strength?: number
  readonly preserve?: number
  /** Did it learn? 1 is perfect, 0 is no better than A unchanged. */
  readonly fit?: number
  readonly caption?: { readonly a?: string; readonly a2?: string; readonly b?: string }
  /** How many pairs it was learned from. */
  readonly pairs?: number
  /** Of isto, when it was learned. */
  readonly version?: string
}

/** Small PNGs. */
export interface DifferencePictures {
  readonly a?: Uint8Array
  readonly a2?: Uint8Array
  /** Both side by side. */
  readonly pair?: Uint8Array
  /** The loss curve as a plot. */
  readonly loss?: Uint8Array
}

export interface StoredPair {
  /** Encoded image bytes, as received. */
  readonly a: Uint8Array
  readonly a2: Uint8Array
}

export interface SavedDifference {
  /** As written. Names that differ by case only are the same name. */
  readonly name: string
  /** A safetensors file. */
  readonly bytes: Uint8Array
  /** Who saved it. */
  readonly person: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly facts: DifferenceFacts
  readonly pictures: DifferencePictures
  /** Kept where the server's settings allow it. */
  readonly pairs?: readonly StoredPair[]
}

/** A saved difference as lists show it: without whatever may be large. */
export interface DifferenceEntry extends Omit<SavedDifference, 'bytes' | 'pairs' | 'pictures'> {
  readonly pictures: Omit<DifferencePictures, 'loss'>
}

export interface SaveOptions {
  /** Takes the place of the one that has the name. @default false */
  readonly replace?: boolean
  /** How many the scope may have. @default 100 */
  readonly limit?: number
}

/** Saved differences by scope (a server, or a person in direct messages) and name. No scope sees another's. */
export interface Differences {
  /** @throws UserError when the name is taken or no name, or the scope is full. */
  save(scope: string, difference: SavedDifference, options?: SaveOptions): Promise<void>
  get(scope: string, name: string): Promise<SavedDifference | undefined>
  /** By name. */
  list(scope: string): Promise<readonly DifferenceEntry[]>
  /** @throws UserError when there is no `from`, or `to` is taken or no name. */
  rename(scope: string, from: string, to: string): Promise<void>
  /** False when there is none of this name. */
  remove(scope: string, name: string): Promise<boolean>
}
