export interface Poll {
  /** Looks within a moment, however often it is called; that takes a tenth of the time at most. */
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
  let tookMilliseconds = 0
  const start = () => {
    clearTimeout(timer)
    const startedAt = performance.now()
    underWay ??= look()
      .catch(onError)
      .finally(() => {
        underWay = undefined
        tookMilliseconds = performance.now() - startedAt
        if (!isOver) timer = setTimeout(start, everyMilliseconds)
      })
  }
  start()
  return {
    soon: () => {
      // A long queue takes long to look at; most of the time must be left for other work.
      const pause = Math.max(100, 9 * tookMilliseconds)
      soon ??= setTimeout(() => {
        soon = undefined
        if (!isOver) start()
      }, pause)
    },
    stop: async () => {
      isOver = true
      clearTimeout(timer)
      clearTimeout(soon)
      await underWay
    },
  }
}
