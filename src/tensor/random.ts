import { createHash } from 'node:crypto'
import type { Tensor } from './tensor.ts'
import { tensor } from './tensor.ts'

/** A seeded stream of numbers. It is passed as an argument to whatever needs randomness, never global. */
export interface Random {
  /** A number in [0, 1), a multiple of 2⁻⁵³. */
  uniform(): number
  /** A whole number in [0, limit), every one equally likely. `limit`: 1…2³². */
  integer(limit: number): number
  /** Independent draws from the standard normal distribution. */
  normal(dims: readonly number[]): Tensor
  /** A shuffled copy (Fisher–Yates). */
  shuffle<Item>(items: readonly Item[]): Item[]
  /**
   * An independent stream, determined only by this stream's seed and forks and by `label`. What was drawn from this
   * stream before makes no difference, so a new draw in one place never changes another.
   */
  fork(label: string): Random
}

/**
 * xoshiro128** (Blackman and Vigna, 2018). Its state is the first 128 bits of SHA-256 over the seed and the fork
 * labels. It uses only integer arithmetic, + − × ÷ and √, which every machine rounds the same way, so a seed means the
 * same numbers everywhere.
 *
 * @param seed A whole number in [0, 2³²).
 * @throws RangeError for any other seed
 */
export function createRandom(seed: number): Random {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`Expected the seed to be a whole number in 0…4294967295, got ${seed}`)
  }
  return createStream([String(seed)])
}

function createStream(path: readonly string[]): Random {
  const digest = createHash('sha256').update(JSON.stringify(path)).digest()
  const next = xoshiro128([0, 4, 8, 12].map((offset) => digest.readUInt32LE(offset)))

  const uniform = () => ((next() >>> 5) * 2 ** 26 + (next() >>> 6)) / 2 ** 53

  const integer = (limit: number) => {
    if (!Number.isInteger(limit) || limit < 1 || limit > 2 ** 32) {
      throw new RangeError(`Expected the limit to be a whole number in 1…2³², got ${limit}`)
    }
    const fair = 2 ** 32 - (2 ** 32 % limit)
    for (;;) {
      const drawn = next()
      if (drawn < fair) return drawn % limit
    }
  }

  const normal = (dims: readonly number[]) => {
    const { data } = tensor(dims)
    for (let index = 0; index < data.length; index += 2) {
      const [first, second] = normalPair(uniform)
      data[index] = first
      if (index + 1 < data.length) data[index + 1] = second
    }
    return tensor(dims, data)
  }

  const shuffle = <Item>(items: readonly Item[]) => {
    const shuffled = [...items]
    for (let last = shuffled.length - 1; last > 0; last--) {
      const other = integer(last + 1)
      const item = shuffled[last] as Item
      shuffled[last] = shuffled[other] as Item
      shuffled[other] = item
    }
    return shuffled
  }

  return { uniform, integer, normal, shuffle, fork: (label) => createStream([...path, label]) }
}

/** @returns Whole numbers in [0, 2³²). */
export function xoshiro128(state: readonly number[]): () => number {
  let [a, b, c, d] = state as [number, number, number, number]
  return () => {
    const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
    const shifted = b << 9
    c ^= a
    d ^= b
    b ^= c
    a ^= d
    c ^= shifted
    d = rotateLeft(d, 11)
    return result
  }
}

const rotateLeft = (word: number, by: number) => (word << by) | (word >>> (32 - by))

/** Marsaglia's polar method. */
function normalPair(uniform: () => number): [number, number] {
  for (;;) {
    const x = 2 * uniform() - 1
    const y = 2 * uniform() - 1
    const square = x * x + y * y
    if (square === 0 || square >= 1) continue
    const scale = Math.sqrt((-2 * logarithm(square)) / square)
    return [x * scale, y * scale]
  }
}

/** ln x for 0 < x < 1 to about 1e-16. `Math.log` may differ in the last bit between machines. */
function logarithm(x: number): number {
  let doublings = 0
  let mantissa = x
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2
    doublings++
  }
  const ratio = (mantissa - 1) / (mantissa + 1)
  let sum = 0
  for (let power = 23; power >= 1; power -= 2) sum = sum * ratio * ratio + 1 / power
  return 2 * ratio * sum - doublings * Math.LN2
}
