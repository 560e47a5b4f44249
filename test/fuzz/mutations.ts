import type { Random } from '../../src/tensor/random.ts'
import { between, pick } from './dice.ts'

/** A changed copy. */
export type Mutation = (bytes: Buffer, random: Random) => Buffer

/** What can be done to any file. */
export const byteMutations: Readonly<Record<string, Mutation>> = {
  'bit flips': (bytes, random) => {
    const copy = Buffer.from(bytes)
    for (let flips = between(random, 1, 12); flips > 0; flips--) copy[at(copy, random)]! ^= 1 << random.integer(8)
    return copy
  },
  'bit flips near the start': (bytes, random) => {
    const copy = Buffer.from(bytes)
    for (let flips = between(random, 1, 4); flips > 0; flips--) {
      copy[random.integer(Math.min(64, copy.length))]! ^= 1 << random.integer(8)
    }
    return copy
  },
  'cut off': (bytes, random) => bytes.subarray(0, random.integer(bytes.length + 1)),
  'end gone to zeros': (bytes, random) => Buffer.concat([bytes, Buffer.alloc(0)]).fill(0, at(bytes, random)),
  'a run of noise': (bytes, random) => {
    const copy = Buffer.from(bytes)
    const [from, to] = range(copy, random)
    for (let index = from; index < to; index++) copy[index] = random.integer(256)
    return copy
  },
  'a run of 0xff': (bytes, random) => Buffer.from(bytes).fill(0xff, ...range(bytes, random)),
  'a run left out': (bytes, random) => {
    const [from, to] = range(bytes, random)
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)])
  },
  'a run twice': (bytes, random) => {
    const [from, to] = range(bytes, random)
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)])
  },
  'a lying number': (bytes, random) => {
    const copy = Buffer.from(bytes)
    const width = pick(random, [1, 2, 4])
    if (copy.length < width) return copy
    const offset = random.integer(copy.length - width + 1)
    const value = pick(random, [0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff])
    const fitting = value % 2 ** (8 * width)
    if (random.integer(2)) copy.writeUIntBE(fitting, offset, width)
    else copy.writeUIntLE(fitting, offset, width)
    return copy
  },
  'something behind it': (bytes, random) => Buffer.concat([bytes, pick(random, tails)]),
}

const tails = [
  '\0'.repeat(5000),
  'PK\x03\x04\x14\0\0\0\x08\0',
  '<html><script>alert(1)</script></html>',
  '%PDF-1.7\n1 0 obj',
  '#!/bin/sh\necho hello\n',
  '\x89PNG\r\n\x1a\n',
  '\xff\xd8\xff\xe0',
].map((text) => Buffer.from(text, 'latin1'))

const at = (bytes: Uint8Array, random: Random) => random.integer(Math.max(1, bytes.length))

function range(bytes: Uint8Array, random: Random): [from: number, to: number] {
  const from = at(bytes, random)
  return [from, Math.min(bytes.length, from + between(random, 1, pick(random, [4, 40, 400])))]
}
