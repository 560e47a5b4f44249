import { createRandom, type Random } from '../../src/tensor/random.ts'

/** Fixed, so that every run does the same; another one is asked for by `FUZZ_SEED`. */
export const seed = Number(process.env.FUZZ_SEED ?? 5)

/** How many times as many files as usual. @default 1 */
export const factor = Number(process.env.FUZZ_FACTOR ?? 1)

/** Of one file: the same whatever was made before it. */
export const diceOf = (what: string, index: number): Random => createRandom(seed).fork(`${what} ${index}`)

export const pick = <Item>(random: Random, items: readonly Item[]): Item => items[random.integer(items.length)]!

/** In [low, high]. */
export const between = (random: Random, low: number, high: number): number => low + random.integer(high - low + 1)
