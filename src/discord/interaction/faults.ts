import { UserError } from '../../errors.ts'
import { type Sentence, sentence } from '../../sentence.ts'

/** What a person is told about an error. */
export const sentenceOf = (error: unknown): Sentence =>
  error instanceof UserError
    ? error.sentence
    : sentence('Something went wrong on my side, and it has been logged. Please try again.')

/**
 * An error for the log. Errors of discord.js contain the address, and in it the interaction's token; neither is logged.
 */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return withoutAddresses(String(error))
  const causes = error instanceof AggregateError ? error.errors : error.cause === undefined ? [] : [error.cause]
  const code = 'code' in error ? ` (${String(error.code)})` : ''
  return [`${withoutAddresses(error.stack ?? error.message)}${code}`, ...causes.map(describe)].join('\ncaused by ')
}

const withoutAddresses = (text: string) => text.replaceAll(/https?:\/\/\S+/g, '<address>')
