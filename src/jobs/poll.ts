export interface Poll {
  /** Looks within a moment, however often it is called. */
  readonly soon: () => void
  readonly stop: () => Promise<void>
}

/** Calls `look` again and again, never twice at once. */
export function createPoll(
  everyMilliseconds: number,
  look: () => Promise<void>,
  onError: (error: unknown) => void,
): Poll {
  let timer: NodeJS.Timeout | undefined
  let soon: NodeJS.Timeout | undefined
  let underWay: Promise<void> | undefined
  let isOver = false
  const start = () => {
    clearTimeout(timer)
    underWay ??= look()
      .catch(onError)
      .finally(() => {
        underWay = undefined
        if (!isOver) timer = setTimeout(start, everyMilliseconds)
      })
  }
  start()
  return {
    soon: () => {
      soon ??= setTimeout(() => {
        soon = undefined
        if (!isOver) start()
      }, 100)
    },
    stop: async () => {
      isOver = true
      clearTimeout(timer)
      clearTimeout(soon)
      await underWay
    },
  }
}
