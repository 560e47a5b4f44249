/** Calls a handler of the queue's owner. One that throws doesn't stop the queue. */
export function callHandler(call: () => void, log: (sentence: string, error: unknown) => void): void {
  try {
    call()
  } catch (error) {
    log('A job event handler failed.', error)
  }
}
