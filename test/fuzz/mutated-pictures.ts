import type { Random } from '../../src/tensor/random.ts'
import type { BasePicture } from './base-pictures.ts'
import { claims, type Format, partsOf, seal } from './containers.ts'
import { between, diceOf, pick } from './dice.ts'
import { byteMutations } from './mutations.ts'
import type { Case } from './trial.ts'

/** @param index 0, 1, …: the formats take turns. */
export function mutatedPicture(bases: readonly BasePicture[], index: number): Case {
  const random = diceOf('picture', index)
  const format = FORMATS[index % FORMATS.length]!
  const fitting = bases.filter((base) => base.format === format)
  const base = pick(random, fitting)
  const [what, mutation] = pick(random, Object.entries(pictureMutations))
  let bytes = mutation(base, random, fitting, bases)
  let name = `picture ${index}: ${format} ${base.kind}, ${what}`
  // Half of them are hurt once more, wherever it may be.
  if (random.integer(2)) {
    const [more, mutation] = pick(random, Object.entries(byteMutations))
    bytes = mutation(bytes, random)
    name += `, ${more}`
  }
  return { name, kind: 'picture', bytes }
}

const FORMATS: readonly Format[] = ['png', 'jpeg', 'webp', 'gif', 'avif', 'tiff']

type PictureMutation = (
  base: BasePicture,
  random: Random,
  siblings: readonly BasePicture[],
  all: readonly BasePicture[],
) => Buffer

/** A change of the list of parts; the file is put together again with its sums right. */
const ofParts =
  (change: (parts: Buffer[], random: Random, others: readonly Buffer[]) => void): PictureMutation =>
  ({ format, bytes }, random, siblings) => {
    const parts = partsOf(format, bytes)
    change(parts, random, partsOf(format, pick(random, siblings).bytes))
    return seal(format, parts)
  }

const anyOf = (parts: readonly Buffer[], random: Random) => random.integer(parts.length)

const pictureMutations: Readonly<Record<string, PictureMutation>> = {
  'only what follows': ({ bytes }) => bytes,
  'parts swapped': ofParts((parts, random) => {
    const [one, other] = [anyOf(parts, random), anyOf(parts, random)]
    ;[parts[one], parts[other]] = [parts[other]!, parts[one]!]
  }),
  'a part left out': ofParts((parts, random) => parts.splice(anyOf(parts, random), 1)),
  'a part many times': ofParts((parts, random) => {
    const index = anyOf(parts, random)
    parts.splice(index, 0, ...new Array(pick(random, [1, 2, 300])).fill(parts[index]!))
  }),
  'a part of another picture': ofParts((parts, random, others) => {
    parts[anyOf(parts, random)] = Buffer.from(pick(random, others))
  }),
  'another header': ofParts((parts, random, others) => {
    const kept = between(random, 1, Math.max(1, others.length - 1))
    parts.splice(0, Math.min(kept, parts.length), ...others.slice(0, kept))
  }),
  'damage within the sums': ofParts((parts, random) => {
    for (let times = between(random, 1, 3); times > 0; times--) {
      const index = anyOf(parts, random)
      parts[index] = pick(random, Object.values(byteMutations))(parts[index]!, random)
    }
  }),
  'lying numbers within the sums': ofParts((parts, random) => {
    for (let times = between(random, 1, 6); times > 0; times--) {
      const index = anyOf(parts, random)
      parts[index] = byteMutations['a lying number']!(parts[index]!, random)
    }
  }),
  'a claimed size': ({ format, bytes }, random) => {
    const copy = Buffer.from(bytes)
    for (const { offset, write } of claims(format, copy)) write(copy, pick(random, SIZES), offset)
    return seal(format, partsOf(format, copy))
  },
  'the body of another format': ({ bytes }, random, _siblings, all) =>
    Buffer.concat([bytes.subarray(0, between(random, 2, 40)), pick(random, all).bytes]),
  'two pictures in one file': ({ bytes }, random, _siblings, all) => Buffer.concat([bytes, pick(random, all).bytes]),
}

const SIZES = [0, 1, 7, 8, 47, 48, 49, 1000, 4096, 8192, 16383, 16384, 65535, 0xffffff, 0x7fffffff, 0xffffffff]
