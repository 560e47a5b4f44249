import type { DifferenceFacts } from '../jobs/protocol.ts'
import { entriesOf, type OpenCollection } from './collections.ts'
import type { DifferencePictures, StoredPair } from './differences.ts'
import type { Forgetting } from './forgetting.ts'
import type { Scopes } from './scopes.ts'
import type { Sensitivity } from './sensitivity.ts'

/** What is stored with a result message, so that its buttons still work when it is old. */
export interface ResultRecord {
  /** The id of its ticket. */
  readonly id: string
  readonly scope: string
  readonly person: string
  readonly channelId: string
  /** Of the message; absent in records of older versions. */
  readonly messageId?: string
  /** Only the person sees the message. */
  readonly isPrivate?: boolean
  /** Milliseconds since 1970. */
  readonly at: number
  /** The pairs it was learned from, as far as they are known; the first one is shown. */
  readonly pairs: readonly StoredPair[]
  /** B, encoded as received. */
  readonly image: Uint8Array
  /** Of A and A′, and of B. */
  readonly sensitivity?: { readonly example?: Sensitivity; readonly b?: Sensitivity }
  /** What the pictures are called when they are posted again. */
  readonly fileNames?: { readonly a?: string; readonly a2?: string; readonly b?: string }
  /**
   * `bytes`: a safetensors file. `name`: that of a saved difference; one without a name was learned for this result.
   */
  readonly differences: readonly { readonly bytes: Uint8Array; readonly strength?: number; readonly name?: string }[]
  readonly options: {
    readonly model: string
    readonly mode: 'fast' | 'parity'
    readonly seed: number
    readonly strength?: number
    readonly preserve?: number
    readonly prompt?: string
    readonly isLearned?: boolean
    readonly variants?: number
  }
  /** While one of several B′ can be chosen: what the message was made from. Plain data of the caller. */
  readonly choice?: { readonly ticket: object; readonly result: object }
  readonly facts: DifferenceFacts
  readonly pictures: DifferencePictures
  /** Who brought A and A′; absent in records of older versions. */
  readonly broughtBy?: string
}

/** Kept for 90 days from `at`. */
export interface Results {
  put(record: ResultRecord): Promise<void>
  get(id: string): Promise<ResultRecord | undefined>
  /** The newest result of this person in this channel that has a difference of its own, that is, one without a name. */
  latest(scope: string, channelId: string, person: string): Promise<ResultRecord | undefined>
  remove(id: string): Promise<void>
}

const keptMilliseconds = 90 * 24 * 60 * 60 * 1000

/** Stored by scope and id. Written before the record itself and deleted after it, so every record has an owner. */
interface Owner extends Pick<ResultRecord, 'channelId' | 'person' | 'at'> {
  /** Of all its byte arrays; older versions did not count them. */
  readonly bytes?: number
  readonly isLearned: boolean
}

/** What is kept of results. */
export interface Usage {
  readonly results: number
  readonly bytes: number
}

export interface ResultLimits {
  /** Bytes of one scope's results. */
  readonly server: number
  /** Bytes of all results. */
  readonly all: number
}

interface LimitedResults extends Results, Forgetting {
  /** Deletes the oldest results of these scopes until all that are left have room. */
  limit(scopes: readonly string[]): Promise<Usage>
}

export function createResults(
  open: OpenCollection,
  know: Scopes['know'],
  { server, all }: ResultLimits,
): LimitedResults {
  const records = open<ResultRecord>('results')
  const ownersIn = (scope: string) => open<Owner>('result-owners', scope)
  const removeAll = async (scope: string, ids: readonly string[]) => {
    // In small batches: other operations wait for each.
    for (let from = 0; from < ids.length; from += 20) {
      const batch = ids.slice(from, from + 20)
      await records.deleteMany(batch)
      await ownersIn(scope).deleteMany(batch)
    }
  }

  return {
    put: async (record) => {
      const { id, scope, channelId, person, at, differences } = record
      await know(scope)
      const expires = at + keptMilliseconds
      const isLearned = differences.some(({ name }) => name === undefined)
      const bytes = bytesOf(record)
      await ownersIn(scope).setRaw(id, { value: { channelId, person, at, isLearned, bytes }, expires })
      await records.setRaw(id, { value: record, expires })
      const tooMany = oldestBeyond(server, await entriesOf(ownersIn(scope)))
      await removeAll(
        scope,
        tooMany.map(([old]) => old),
      )
    },

    limit: async (scopes) => {
      const owned: (readonly [id: string, owner: Owner, scope: string])[] = []
      for (const scope of scopes) {
        for (const [id, owner] of await entriesOf(ownersIn(scope))) owned.push([id, owner, scope])
      }
      const tooMany = new Set(oldestBeyond(all, owned))
      for (const [id, , scope] of tooMany) await removeAll(scope, [id])
      const kept = owned.filter((one) => !tooMany.has(one))
      return { results: kept.length, bytes: kept.reduce((sum, [, { bytes = 0 }]) => sum + bytes, 0) }
    },

    get: (id) => records.get(id),

    latest: async (scope, channelId, person) => {
      const owners = await entriesOf(ownersIn(scope))
      const theirs = owners.filter(
        ([, owner]) => owner.isLearned && owner.channelId === channelId && owner.person === person,
      )
      for (const [id] of theirs.sort(([, one], [, other]) => other.at - one.at)) {
        const record = await records.get(id)
        if (record) return record
      }
      return undefined
    },

    remove: async (id) => {
      const record = await records.get(id)
      if (record) await removeAll(record.scope, [id])
    },

    forget: async (scope) => {
      const owners = await entriesOf(ownersIn(scope))
      await removeAll(
        scope,
        owners.map(([id]) => id),
      )
    },

    forgetPerson: async (scope, person) => {
      const theirs = (await entriesOf(ownersIn(scope))).filter(([, owner]) => owner.person === person)
      await removeAll(
        scope,
        theirs.map(([id]) => id),
      )
      return theirs.length
    },
  }
}

/** The oldest ones, without which the others have at most so many bytes; the newest one stays in any case. */
function oldestBeyond<Entry extends readonly [id: string, owner: Owner, ...rest: unknown[]]>(
  limitBytes: number,
  owned: readonly Entry[],
): readonly Entry[] {
  let left = limitBytes
  const newestFirst = owned.toSorted(([, one], [, other]) => other.at - one.at)
  return newestFirst.filter(([, { bytes = 0 }], index) => {
    left -= bytes
    return left < 0 && index > 0
  })
}

function bytesOf(value: unknown): number {
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value !== 'object' || value === null) return 0
  return Object.values(value).reduce<number>((sum, part) => sum + bytesOf(part), 0)
}
