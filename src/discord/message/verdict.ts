import type { Report } from '../../jobs/protocol.ts'
import { sentence } from '../../sentence.ts'
import type { Say } from '../language/say.ts'

/** How well a difference was learned, for the small print; nothing if that is unknown. */
export const verdictText = (say: Say, verdict: Report['verdict']): string | undefined => verdict && say(WORDS[verdict])

const WORDS = {
  well: sentence('learned well'),
  partly: sentence('partly learned'),
  not: sentence('not learned'),
} as const
