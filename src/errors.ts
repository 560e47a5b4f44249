/** A mistake the person can act on; `message` is one clear sentence that says what to do and may be shown as it is. */
export class UserError extends Error {
  override readonly name = 'UserError'
}
