import { inTurns, personOf, scopeOf, type Waiting } from './turns.ts'

type RunFunction = () => Promise<unknown>

interface Entry extends Waiting {
  readonly run: RunFunction
}

interface FairQueue {
  /** For PQueue; each instance has a queue of its own. */
  readonly queueClass: new () => PQueueQueue
  /** Ids in the order in which they will run, unless more are added. */
  readonly order: () => readonly string[]
  /** Removes a waiting job. */
  readonly remove: (id: string) => void
}

/** The queue class that PQueue asks for. */
export interface PQueueQueue {
  size: number
  enqueue(run: RunFunction, options?: Partial<Waiting>): void
  dequeue(): RunFunction | undefined
  filter(): RunFunction[]
  setPriority(): void
}

/** The waiting jobs of one process, in fair order (turns.ts). */
export function createFairQueue(): FairQueue {
  const entries = new Map<string, Entry>()
  const servings = createServings()
  let sorted: readonly Entry[] | undefined

  const order = () => {
    sorted ??= inTurns([...entries.values()], servings.last)
    return sorted
  }
  const remove = (id: string) => {
    if (entries.delete(id)) sorted = undefined
  }
  class QueueInTurns implements PQueueQueue {
    get size() {
      return entries.size
    }
    enqueue(run: RunFunction, { id, scope, person }: Partial<Waiting> = {}) {
      if (id === undefined || scope === undefined || person === undefined)
        throw new TypeError('Expected the job to have an id, a scope and a person.')
      entries.set(id, { id, scope, person, run })
      sorted = undefined
    }
    dequeue() {
      const [first] = order()
      if (!first) return undefined
      servings.serve(scopeOf(first))
      servings.serve(personOf(first))
      remove(first.id)
      return first.run
    }
    filter() {
      return order().map(({ run }) => run)
    }
    setPriority() {
      throw new TypeError('Priorities are not supported.')
    }
  }
  return { queueClass: QueueInTurns, order: () => order().map(({ id }) => id), remove }
}

interface Servings {
  readonly serve: (name: string) => void
  /** When it was last served, counted in servings; 0 if never. */
  readonly last: (name: string) => number
}

/** Names that were not seen for long count as never served. */
function createServings(): Servings {
  const served = new Map<string, number>()
  let count = 0
  return {
    serve: (name) => {
      served.delete(name)
      served.set(name, ++count)
      if (served.size > MOST_REMEMBERED) served.delete(served.keys().next().value!)
    },
    last: (name) => served.get(name) ?? 0,
  }
}

const MOST_REMEMBERED = 10_000
