import { InterruptedError, OtherModelError, UserError } from '../errors.ts'
import type { Failure } from './protocol.ts'

/** An error on its way to another process, or to a later one. */
export function failureOf(error: unknown): Failure {
  const message = error instanceof Error ? error.message : String(error)
  if (error instanceof OtherModelError) return { reason: 'other-model', message }
  if (error instanceof InterruptedError) return { reason: 'interrupted', message }
  return { reason: error instanceof UserError ? 'user' : 'internal', message }
}

export function errorOf({ reason, message }: Failure): Error {
  if (reason === 'other-model') return new OtherModelError(message)
  if (reason === 'interrupted') return new InterruptedError(message)
  return reason === 'user' ? new UserError(message) : new Error(message)
}
