import { InterruptedError, OtherModelError, UserError } from '../errors.ts'
import type { Failure } from './protocol.ts'

/** An error on its way to another process, or to a later one. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  if (!(error instanceof UserError)) return { reason: 'internal', message }
  const { sentence } = error
  if (error instanceof OtherModelError) return { reason: 'other-model', message, sentence }
  if (error instanceof InterruptedError) return { reason: 'interrupted', message, sentence }
  return { reason: 'user', message, sentence }
}

export function errorOf({ reason, message, sentence = { template: message } }: Failure): Error {
  const { template, values } = sentence
  if (reason === 'other-model') return new OtherModelError(template, values)
  if (reason === 'interrupted') return new InterruptedError(template, values)
  return reason === 'user' ? new UserError(template, values) : new Error(message)
}
