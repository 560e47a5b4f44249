export interface Locks {
  /** Calls with the same key run one after another. */
  run<Result>(key: string, work: () => Promise<Result>): Promise<Result>
}

/** @param exclusively The same across processes. Here each key asks for it once at a time. */
export function createSharedLocks(
  exclusively: <Result>(key: string, work: () => Promise<Result>) => Promise<Result>,
): Locks {
  const { run } = createLocks()
  return { run: (key, work) => run(key, () => exclusively(`scope ${key}`, work)) }
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
