export interface Locks {
  /** Calls of one key run one after the other. */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>
}

export function createLocks(): Locks {
  const last = new Map<string, Promise<unknown>>()
  return {
    run: (key, work) => {
      const mine = (last.get(key) ?? Promise.resolve()).then(work)
      const settled = mine.then(
        () => {},
        () => {},
      )
      last.set(key, settled)
      void settled.then(() => {
        if (last.get(key) === settled) last.delete(key)
      })
      return mine
    },
  }
}
