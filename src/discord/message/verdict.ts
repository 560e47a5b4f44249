import type { Report } from '../../jobs/protocol.ts'

/** How well a difference was learned, for the small print; nothing if that is unknown. */
export const verdictText = (verdict: Report['verdict']): string | undefined => verdict && WORDS[verdict]

const WORDS = { well: 'learned well', partly: 'partly learned', not: 'not learned' } as const
