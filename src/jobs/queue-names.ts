/** Jobs that failed for the last time. */
export const givenUpQueue = 'given-up'
export const deliveryQueueOf = (group: string): string => `deliver/${plain(group)}`
export const jobQueueOf = (model: string): string => `jobs/${plain(model)}`

/** pg-boss allows letters, digits, `_`, `-`, `.` and `/`. */
const plain = (name: string) =>
  name.replace(/[^a-z0-9.-]/gi, (character) => `_${character.codePointAt(0)!.toString(16)}_`)
