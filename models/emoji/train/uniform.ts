/** Uniform in [0, 1). */
export type Uniform = () => number

/** A small seeded generator (mulberry32). */
export function seeded(seed: number): Uniform {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

export const pick = <T>(uniform: Uniform, items: readonly T[]): T => items[Math.floor(uniform() * items.length)]!

/** Uniform in [−limit, limit). */
export const between = (uniform: Uniform, limit: number) => (uniform() * 2 - 1) * limit

export function shuffle<T>(uniform: Uniform, items: readonly T[]): T[] {
  const shuffled = [...items]
  for (let last = shuffled.length - 1; last > 0; last--) {
    const other = Math.floor(uniform() * (last + 1))
    ;[shuffled[last], shuffled[other]] = [shuffled[other]!, shuffled[last]!]
  }
  return shuffled
}

export const keys = <T extends object>(record: T) => Object.keys(record) as (keyof T & string)[]
