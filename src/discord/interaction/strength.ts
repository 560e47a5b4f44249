import type { DifferenceFacts } from '../../jobs/protocol.ts'
import type { ResultRecord } from '../../store/results.ts'
import type { ServerSettings } from '../../store/settings.ts'

/** The strongest that a difference can be asked to be, either way. */
export const strengthLimit = 3

/**
 * How strongly a difference is applied. One rule: what the person asks for; else what the server's settings say, in the
 * direction in which it was saved (a reversed one stays reversed); else as it was saved.
 * @returns undefined where nothing is said: it is chosen on the example, or as the file says.
 */
export function strengthOf(
  asked: number | null | undefined,
  settings: Pick<ServerSettings, 'strength'>,
  saved?: Pick<DifferenceFacts, 'strength'>,
): number | undefined {
  if (asked !== undefined && asked !== null) return asked
  if (settings.strength === undefined) return saved?.strength
  return (saved?.strength ?? 1) < 0 ? -settings.strength : settings.strength
}

/** How strongly the first difference of a result was applied: what its buttons start from, and what is saved with it. */
export const strengthUsed = ({
  options,
  differences,
  facts,
}: Pick<ResultRecord, 'options' | 'differences' | 'facts'>) =>
  differences[0]?.strength ?? options.strength ?? facts.strength ?? 1
