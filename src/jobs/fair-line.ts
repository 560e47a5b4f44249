/** Whose a waiting job is. */
export interface Waiting {
  readonly id: string
  readonly scope: string
  readonly person: string
}

type RunFunction = () => Promise<unknown>

interface Entry extends Waiting {
  readonly run: RunFunction
}

export interface FairLine {
  /** For PQueue, one queue per line. */
  readonly queueClass: new () => FairQueue
  /** Ids in the order in which they will be taken, unless more come. */
  readonly order: () => readonly string[]
  /** Takes a waiting job out. */
  readonly remove: (id: string) => void
}

/** What PQueue asks of its queue. */
export interface FairQueue {
  size: number
  enqueue(run: RunFunction, options?: Partial<Waiting>): void
  dequeue(): RunFunction | undefined
  filter(): RunFunction[]
  setPriority(): void
}

/**
Round robin: of the scopes that wait, the one served longest ago; in it, the person served longest ago; of that person's
jobs, the first that came. Who was never served comes before everyone who was, in the order of arrival.
*/
export function createFairLine(): FairLine {
  const entries = new Map<string, Entry>()
  const servings = createServings()
  let sorted: readonly Entry[] | undefined

  const order = () => {
    sorted ??= inTurns([...entries.values()], scopeOf, servings, (ofScope) => inTurns(ofScope, personOf, servings))
    return sorted
  }
  const remove = (id: string) => {
    if (entries.delete(id)) sorted = undefined
  }
  class Line implements FairQueue {
    get size() {
      return entries.size
    }
    enqueue(run: RunFunction, { id, scope, person }: Partial<Waiting> = {}) {
      if (id === undefined || scope === undefined || person === undefined) throw new TypeError('Whose job is it?')
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
      throw new TypeError('All are served alike.')
    }
  }
  return { queueClass: Line, order: () => order().map(({ id }) => id), remove }
}

const scopeOf = ({ scope }: Waiting) => scope
const personOf = ({ scope, person }: Waiting) => `${scope} ${person}`

/**
The groups take turns, the one served longest ago first. Serving a group puts it behind all others and changes nothing
else, so the k-th of every group comes before the (k + 1)-th of any.

@param entries In the order of arrival.
@param within Puts one group's entries in order. @default as they came
*/
function inTurns(
  entries: readonly Entry[],
  groupOf: (entry: Entry) => string,
  servings: Servings,
  within = (group: readonly Entry[]) => group,
): readonly Entry[] {
  // The sort is stable: groups never served stay in the order of their first arrival.
  const groups = [...Map.groupBy(entries, groupOf)].sort(([one], [other]) => servings.last(one) - servings.last(other))
  const queues = groups.map(([, group]) => within(group))
  const rounds = Math.max(0, ...queues.map(({ length }) => length))
  return Array.from({ length: rounds }, (_, round) => queues.flatMap((queue) => queue[round] ?? [])).flat()
}

interface Servings {
  readonly serve: (name: string) => void
  /** When it was last served, counted in servings; 0 if never. */
  readonly last: (name: string) => number
}

/** Long-forgotten names count as never served. */
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
