import { bodyOf, entriesOf, type OpenCollection } from './collections.ts'
import type { Forgetting } from './forgetting.ts'
import type { Scopes } from './scopes.ts'

/** A job that was given up, with its inputs, so that it can be tried again. */
interface Retry {
  /** The id of its ticket. */
  readonly id: string
  readonly scope: string
  readonly person: string
  /** Milliseconds since 1970. */
  readonly at: number
  /** Plain data of the caller. */
  readonly job: object
  readonly action: object
}

/** Kept for a week from `at`. */
export interface Retries {
  put(retry: Retry): Promise<void>
  get(id: string): Promise<Retry | undefined>
  remove(id: string): Promise<void>
}

const keptMilliseconds = 7 * 24 * 60 * 60 * 1000

/** Its owner. The retry itself has a key of its own, so that looking for a person's retries doesn't read it. */
type Owner = Pick<Retry, 'scope' | 'person'>

export function createRetries(open: OpenCollection, know: Scopes['know']): Retries & Forgetting {
  const collection = open<Owner | Retry>('retries')
  const removeThose = async (isMeant: (owner: Owner) => boolean) => {
    const meant = (await entriesOf(collection)).filter(([, owner]) => isMeant(owner))
    await collection.deleteMany(meant.flatMap(([id]) => [id, bodyOf(id)]))
    return meant.length
  }

  return {
    put: async (retry) => {
      const { id, scope, person, at } = retry
      const expires = at + keptMilliseconds
      await know(scope)
      await collection.setRaw(id, { value: { scope, person }, expires })
      await collection.setRaw(bodyOf(id), { value: retry, expires })
    },
    get: async (id) => (await collection.get(bodyOf(id))) as Retry | undefined,
    remove: async (id) => void (await collection.deleteMany([id, bodyOf(id)])),
    forget: async (scope) => void (await removeThose((owner) => owner.scope === scope)),
    forgetPerson: (scope, person) => removeThose((owner) => owner.scope === scope && owner.person === person),
  }
}
