import { randomUUID } from 'node:crypto'
import { UserError } from '../errors.ts'
import type { DifferenceFacts } from '../jobs/protocol.ts'
import { bodyOf, entriesOf, type OpenCollection } from './collections.ts'
import type { Forgetting } from './forgetting.ts'
import type { Locks } from './locks.ts'
import { checkName, foldName } from './names.ts'
import type { Scopes } from './scopes.ts'
import type { Sensitivity } from './sensitivity.ts'

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
  /** As the person wrote it. Names that differ only in case are the same name. */
  readonly name: string
  /** A safetensors file. */
  readonly bytes: Uint8Array
  /** The person who saved it. */
  readonly person: string
  /** Milliseconds since 1970. */
  readonly at: number
  readonly facts: DifferenceFacts
  readonly pictures: DifferencePictures
  /** Of the pictures that it was learned from. */
  readonly sensitivity?: Sensitivity
  /** Kept where the server's settings allow it. */
  readonly pairs?: readonly StoredPair[]
}

/** A saved difference as lists show it, without what may be large. */
export interface DifferenceEntry extends Omit<SavedDifference, 'bytes' | 'pairs' | 'pictures'> {
  readonly pictures: Omit<DifferencePictures, 'loss'>
}

interface SaveOptions {
  /** Replaces the difference that has this name. @default false */
  readonly replace?: boolean
  /** How many a scope may have. @default 100 */
  readonly limit?: number
}

/** Saved differences by scope (a server, or a person in direct messages) and name. No scope can see another's. */
export interface Differences {
  /** @throws UserError if the name is invalid or taken, or the scope is full */
  save(scope: string, difference: SavedDifference, options?: SaveOptions): Promise<void>
  get(scope: string, name: string): Promise<SavedDifference | undefined>
  /** Sorted by name. */
  list(scope: string): Promise<readonly DifferenceEntry[]>
  /** @throws UserError if there is no `from`, or `to` is invalid or taken */
  rename(scope: string, from: string, to: string): Promise<void>
  /** False if there is no difference of this name. */
  remove(scope: string, name: string): Promise<boolean>
}

/**
 * The parts of a saved difference that may be large. They have a key of their own, so that listing doesn't read them.
 */
type Body = Pick<SavedDifference, 'bytes' | 'pairs'> & Pick<DifferencePictures, 'loss'>

export function createDifferences(open: OpenCollection, locks: Locks, know: Scopes['know']): Differences & Forgetting {
  const collectionOf = (scope: string) => open<DifferenceEntry | Body>('differences', scope)
  const entriesIn = async (scope: string) => (await entriesOf(collectionOf(scope))) as [string, DifferenceEntry][]
  const removeAll = async (scope: string, ids: readonly string[]) => {
    await collectionOf(scope).deleteMany(ids.flatMap((id) => [id, bodyOf(id)]))
  }

  return {
    save: (scope, difference, { replace = false, limit = 100 } = {}) =>
      locks.run(scope, async () => {
        const name = checkName(difference.name)
        const entries = await entriesIn(scope)
        const [id = randomUUID(), old] = find(entries, name) ?? []
        if (old && !replace) throw takenError(old)
        if (!old && entries.length >= limit) {
          throw new UserError(
            'There {limit, plural, =1 {is one saved difference} other {are # saved differences}} already, which is the limit: delete one first.',
            { limit },
          )
        }
        const { bytes, pairs, person, at, facts, pictures, sensitivity } = difference
        const { loss, ...small } = pictures
        await know(scope)
        await collectionOf(scope).setMany([
          { key: id, value: { name, person, at, facts, pictures: small, ...(sensitivity && { sensitivity }) } },
          { key: bodyOf(id), value: { bytes, pairs, loss } },
        ])
      }),

    get: (scope, name) =>
      locks.run(scope, async () => {
        const [id, entry] = find(await entriesIn(scope), name) ?? []
        const body = id && ((await collectionOf(scope).get(bodyOf(id))) as Body | undefined)
        if (!entry || !body) return undefined
        const { bytes, pairs, loss } = body
        return { ...entry, bytes, pairs, pictures: { ...entry.pictures, loss } }
      }),

    list: async (scope) => {
      const entries = (await entriesIn(scope)).map(([, entry]) => entry)
      return entries.sort((one, other) => alphabet.compare(one.name, other.name))
    },

    rename: (scope, from, to) =>
      locks.run(scope, async () => {
        const name = checkName(to)
        const entries = await entriesIn(scope)
        const [id, entry] = find(entries, from) ?? []
        if (!id || !entry) throw new UserError('There is no saved difference with that name here.')
        const [holder, held] = find(entries, name) ?? []
        if (held && holder !== id) throw takenError(held)
        await collectionOf(scope).set(id, { ...entry, name })
      }),

    remove: (scope, name) =>
      locks.run(scope, async () => {
        const found = find(await entriesIn(scope), name)
        if (found) await removeAll(scope, [found[0]])
        return found !== undefined
      }),

    forget: (scope) => locks.run(scope, () => collectionOf(scope).clear()),

    forgetPerson: (scope, person) =>
      locks.run(scope, async () => {
        const theirs = (await entriesIn(scope)).filter(([, entry]) => entry.person === person)
        await removeAll(
          scope,
          theirs.map(([id]) => id),
        )
        return theirs.length
      }),
  }
}

const alphabet = new Intl.Collator('en', { numeric: true })

function find(entries: readonly [string, DifferenceEntry][], name: string): [string, DifferenceEntry] | undefined {
  const folded = foldName(name)
  return entries.find(([, entry]) => foldName(entry.name) === folded)
}

const takenError = ({ name }: DifferenceEntry) =>
  new UserError('There is already a saved difference called `{name}` here: choose another name, or delete that one.', {
    name,
  })
