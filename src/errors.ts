/** A mistake the person can act on; `message` is one clear sentence that says what to do and may be shown as it is. */
export class UserError extends Error {
  override readonly name: string = 'UserError'
}

/** A difference was learned on another model than it is to be used on; it can be learned again from its pair. */
export class OtherModelError extends UserError {
  override readonly name = 'OtherModelError'
}
