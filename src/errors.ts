import { english, type Sentence, type Values } from './sentence.ts'

/**
 * A problem that the person can act on: one clear sentence that says what to do and may be shown as it is. `message` is
 * in English; Discord's people are told `sentence` in their language.
 */
export class UserError extends Error {
  override readonly name: string = 'UserError'
  readonly sentence: Sentence

  /** @param template See `Sentence`. */
  constructor(template: string, values?: Values, options?: ErrorOptions) {
    super(english({ template, values }), options)
    this.sentence = { template, ...(values && { values }) }
  }
}

/** A difference was learned on another model than it is to be used with; it can be learned again from its pair. */
export class OtherModelError extends UserError {
  override readonly name = 'OtherModelError'
}

/** A job ended twice, and not through its own fault: it can be tried again. */
export class InterruptedError extends UserError {
  override readonly name = 'InterruptedError'
}

/** A stranger's words inside a sentence: one short line in which nothing is formatted, linked or mentioned. */
export function quoted(words: string, longest = 40): string {
  const plain = [...words.replaceAll(/[^\p{L}\p{M}\p{N} ._-]+/gu, ' ').trim()]
  return `“${plain.length > longest ? `${plain.slice(0, longest - 1).join('')}…` : plain.join('')}”`
}
