import type { Random } from '../../src/tensor/random.ts'
import { type BaseDifference, type DifferenceFile, type Header, putTogether } from './base-differences.ts'
import { between, diceOf, pick } from './dice.ts'
import { hostileTexts } from './hostile-texts.ts'
import { byteMutations } from './mutations.ts'
import type { Case } from './trial.ts'

export function mutatedDifference(bases: readonly BaseDifference[], index: number): Case {
  const random = diceOf('difference', index)
  const base = pick(random, bases)
  // What the metadata says is read most closely.
  const known = Object.entries(differenceMutations)
  const [what, mutation] = pick(random, [
    ...known,
    ...new Array(10).fill(known.find(([what]) => what === OF_METADATA)!),
  ])
  const copy: DifferenceFile = { header: structuredClone(base.file.header), data: Buffer.from(base.file.data) }
  let bytes = mutation(copy, random, pick(random, bases).file)
  let name = `difference ${index}: ${base.kind}, ${what}`
  // A quarter of them are hurt once more, wherever it may be.
  if (random.integer(4) === 0) {
    const [more, mutation] = pick(random, Object.entries(byteMutations))
    bytes = mutation(bytes, random)
    name += `, ${more}`
  }
  return { name, kind: 'difference', bytes }
}

const OF_METADATA = 'metadata of another kind'

type DifferenceMutation = (file: DifferenceFile, random: Random, other: DifferenceFile) => Buffer

/** The header is changed in place. */
const ofHeader =
  (change: (header: Header, random: Random, other: Header) => void): DifferenceMutation =>
  (file, random, other) => {
    change(file.header, random, other.header)
    return putTogether(file)
  }

/** One tensor's description is changed in place. */
const ofTensor = (change: (tensor: Header, random: Random) => void) =>
  ofHeader((header, random) => change(header[pick(random, namesIn(header))] as Header, random))

const ofText =
  (change: (json: string, random: Random) => string | Buffer): DifferenceMutation =>
  (file, random) =>
    putTogether(file, change(JSON.stringify(file.header), random))

const differenceMutations: Readonly<Record<string, DifferenceMutation>> = {
  'only what follows': (file) => putTogether(file),
  'numbers that are none': (file, random) => {
    for (let times = between(random, 1, 5); times > 0; times--) {
      const bytes = pick(random, [
        '0000c07f',
        '0000807f',
        '000080ff',
        '007c',
        '00fe',
        '807f',
        'ffffffff',
        'ffff7f7f',
        '00000080',
      ])
      Buffer.from(bytes, 'hex').copy(file.data, 4 * random.integer(file.data.length >> 2))
    }
    return putTogether(file)
  },
  'another type': ofTensor((tensor, random) => {
    tensor.dtype = pick(random, [...TYPES, ...hostileTexts, ...VALUES])
  }),
  'another shape': ofTensor((tensor, random) => {
    const shape = tensor.shape as number[]
    const ways = [
      () => [shape.reduce((product, side) => product * side, 1)],
      () => [...shape, ...new Array(pick(random, [1, 3, 2000])).fill(1)],
      () => shape.toReversed(),
      () => shape.map((side) => side + pick(random, [-1, 0, 1])),
      () => shape.toSpliced(random.integer(shape.length + 1), 1, pick(random, [...NUMBERS, ...VALUES]) as number),
      () => pick(random, [...VALUES, ...hostileTexts]),
      () => new Array(20_000).fill(pick(random, NUMBERS)),
    ]
    tensor.shape = pick(random, ways)()
  }),
  'other offsets': ofTensor((tensor, random) => {
    const offsets = tensor.data_offsets as number[]
    const ways = [
      () => offsets.toReversed(),
      () => offsets.map((offset) => offset + pick(random, [-4, 0, 4, 8])),
      () => offsets.with(random.integer(2), pick(random, [...NUMBERS, ...VALUES]) as number),
      () => [...offsets, ...offsets],
      () => pick(random, VALUES),
    ]
    tensor.data_offsets = pick(random, ways)()
  }),
  'another name': ofHeader((header, random) => {
    const old = pick(random, namesIn(header))
    define(header, pick(random, hostileTexts), header[old])
    delete header[old]
  }),
  'one more tensor': ofHeader((header, random) => {
    define(header, pick(random, hostileTexts), structuredClone(header[pick(random, namesIn(header))]))
  }),
  'a thousand tensors': ofHeader((header, random) => {
    const tensor = { dtype: 'F32', shape: [0], data_offsets: [0, 0] }
    for (let count = pick(random, [2, 1000, 8000]); count > 0; count--) header[`t${count}`] = tensor
  }),
  'more or less in a description': ofTensor((tensor, random) => {
    if (random.integer(2)) define(tensor, pick(random, hostileTexts), pick(random, VALUES))
    else delete tensor[pick(random, Object.keys(tensor))]
  }),
  'metadata that is missing': ofHeader((header, random) => {
    const metadata = metadataOf(header)
    for (const key of random.shuffle(Object.keys(metadata)).slice(0, between(random, 1, 3))) delete metadata[key]
  }),
  [OF_METADATA]: ofHeader((header, random) => {
    const metadata = metadataOf(header)
    metadata[pick(random, Object.keys(metadata))] = pick(random, hostileTexts)
  }),
  'foreign metadata': ofHeader((header, random) =>
    define(metadataOf(header), pick(random, hostileTexts), pick(random, [...hostileTexts, ...VALUES])),
  ),
  'metadata that is none': ofHeader((header, random) => {
    header.__metadata__ = pick(random, [...VALUES, ...hostileTexts])
  }),
  'metadata of another file': ofHeader((header, _random, other) => {
    header.__metadata__ = other.__metadata__
  }),
  'much metadata': ofHeader((header, random) => {
    define(
      metadataOf(header),
      'isto_caption_a',
      pick(random, ['x', '"', '\\', '€']).repeat(pick(random, [1000, 1001, 300_000, 10_000_000])),
    )
  }),
  'a name twice': ofText((json, random) => {
    const [, pair] = pick(random, [...json.matchAll(/("\w+":(?:"[^"]*"|\{[^{}]*\}))/g)])
    return pick(random, [
      json.replace(pair!, `${pair},${pair}`),
      json.replace(pair!, `${pair},${pair!.replace(/^"(.)/, escaped)}`),
    ])
  }),
  'other JSON': ofText((json, random) =>
    pick(random, [
      `\ufeff${json}`,
      `${json},`,
      `${json}//`,
      `${json}\0\0\0`,
      `  \n${json}${' '.repeat(100_000)}`,
      `[${json}]`,
      json.replaceAll('"', "'"),
      json.replace('{', '{"a":'.repeat(100_000)),
      '['.repeat(900_000),
      `"${'x'.repeat(900_000)}`,
      `{${'"":'.repeat(200_000)}`,
      'null',
      '',
    ]),
  ),
  'other characters': ofText((json, random) => {
    const bytes = Buffer.from(json)
    return byteMutations['a run of noise']!(bytes, random)
  }),
  'a lying length': (file, random) => {
    const bytes = putTogether(file)
    const length = bytes.readBigUInt64LE()
    bytes.writeBigUInt64LE(
      pick(random, [0n, 1n, length - 1n, length + 1n, length + 8n, 2n ** 20n, 2n ** 32n, 2n ** 53n, 2n ** 64n - 1n]),
    )
    return bytes
  },
  'the numbers of another file': ({ header }, _random, { data }) => putTogether({ header, data }),
  'a picture before it': (file) => Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), putTogether(file)]),
}

const namesIn = (header: Header) => Object.keys(header).filter((name) => name !== '__metadata__')

function metadataOf(header: Header): Header {
  header.__metadata__ ??= { author: 'x' }
  return header.__metadata__ as Header
}

/** Whatever the name means to an object. */
const define = (object: object, name: string, value: unknown) =>
  Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true })

const escaped = (_: string, letter: string) => `"\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`

const TYPES = ['F64', 'F16', 'BF16', 'F32', 'I64', 'U8', 'BOOL', 'F8_E4M3', 'f32', 'F32 ']
const NUMBERS = [0, 1, -1, 0.5, 64, 65, 1e6, 2 ** 31, 2 ** 32, 2 ** 53 - 1, 2 ** 53, 1e300]
const VALUES: readonly unknown[] = [null, true, 7, -0, [], {}, [[1]], [null], ['1'], { __proto__: 1 }, 'F32']
