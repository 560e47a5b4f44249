/** The owner of a waiting job. */
export interface Waiting {
  readonly id: string
  readonly scope: string
  readonly person: string
}

export const scopeOf = ({ scope }: Waiting): string => scope
export const personOf = ({ scope, person }: Waiting): string => `${scope} ${person}`

/**
 * Round robin: of the waiting scopes, the one that was served longest ago; in it, the person served longest ago; of
 * that person's jobs, the first to arrive. Those that were never served come first, in the order of arrival.
 *
 * @param waiting In the order of arrival.
 * @param lastServed When the scope or person of this name was last served, as any increasing number; 0 if never.
 */
export function inTurns<Entry extends Waiting>(
  waiting: readonly Entry[],
  lastServed: (name: string) => number,
): readonly Entry[] {
  return takeTurns(waiting, scopeOf, lastServed, (ofScope) => takeTurns(ofScope, personOf, lastServed))
}

/**
 * The groups take turns, the one served longest ago first. Serving a group moves it behind all others and changes
 * nothing else, so the k-th of every group comes before the (k + 1)-th of any.
 *
 * @param within Sorts the entries of one group. @default in the order of arrival
 */
function takeTurns<Entry extends Waiting>(
  entries: readonly Entry[],
  groupOf: (entry: Waiting) => string,
  lastServed: (name: string) => number,
  within = (group: readonly Entry[]) => group,
): readonly Entry[] {
  // The sort is stable: groups never served stay in the order of their first arrival.
  const groups = [...Map.groupBy(entries, groupOf)].sort(([one], [other]) => lastServed(one) - lastServed(other))
  const queues = groups.map(([, group]) => within(group))
  const rounds = queues.reduce((most, { length }) => Math.max(most, length), 0)
  return Array.from({ length: rounds }, (_, round) => queues.flatMap((queue) => queue[round] ?? [])).flat()
}
