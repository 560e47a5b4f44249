/** Discord's clock, which a test moves, and its ids, which tell when they were made. */
export interface Clock {
  /** In milliseconds. */
  readonly now: () => number
  readonly advance: (milliseconds: number) => void
  /** Later ids are larger. */
  readonly nextId: () => string
}

/** The first second of 2015: ids count from it. */
const epoch = 1_420_070_400_000

export function createClock(): Clock {
  let offset = 0
  let lastId = 0n
  const now = () => Date.now() + offset
  return {
    now,
    advance: (milliseconds) => {
      offset += milliseconds
    },
    nextId: () => {
      const id = BigInt(now() - epoch) << 22n
      lastId = id > lastId ? id : lastId + 1n
      return String(lastId)
    },
  }
}
