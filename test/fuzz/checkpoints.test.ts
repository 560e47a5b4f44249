import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { readLora } from '../../src/checkpoints/lora.ts'
import { UserError } from '../../src/errors.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { type Graph, isOnDisk } from '../../src/onnx/graph.ts'
import { createRandom, type Random } from '../../src/tensor/random.ts'

// Checkpoints that lie: every one is either read within its file, or refused with a sentence.

const FILES = 600
const fixture = (name: string) => join(import.meta.dirname, `../fixtures/checkpoints/${name}-one.safetensors.gz`)

let folder: string
/** A UNet and a transformer, each with its text encoders and autoencoder. */
let originals: Buffer[]
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'isto-hostile-'))
  originals = await Promise.all(['sd15', 'sd3'].map(async (name) => gunzipSync(await readFile(fixture(name)))))
})
after(() => rm(folder, { recursive: true }))

interface Entry {
  dtype: unknown
  shape: unknown
  data_offsets: unknown
}
type Header = Record<string, Entry>

/** What is changed in the header, one of its tensors chosen at random. */
const lies: Readonly<Record<string, (header: Header, name: string, random: Random) => void>> = {
  'another place': (header, name, random) => {
    const size = random.integer(2 ** 31)
    header[name]!.data_offsets = [size, size + random.integer(2 ** 20)]
  },
  'beyond 2^63': (header, name) => {
    header[name]!.data_offsets = [2 ** 63, 2 ** 63 + 2]
  },
  'before the file': (header, name) => {
    header[name]!.data_offsets = [-8, 0]
  },
  'the place of another': (header, name, random) => {
    header[name]!.data_offsets = pick(header, random).data_offsets
  },
  'another shape': (header, name, random) => {
    header[name]!.shape = Array.from({ length: random.integer(5) }, () => random.integer(64))
  },
  'the shape of another': (header, name, random) => {
    header[name]!.shape = pick(header, random).shape
  },
  'its shape the other way round': (header, name) => {
    header[name]!.shape = (header[name]!.shape as number[]).toReversed()
  },
  'its shape flat': (header, name) => {
    header[name]!.shape = [(header[name]!.shape as number[]).reduce((product, dim) => product * dim, 1)]
  },
  'a huge shape': (header, name) => {
    header[name]!.shape = [2 ** 53 - 1, 2 ** 53 - 1]
  },
  'no shape': (header, name) => {
    header[name]!.shape = null
  },
  'another type': (header, name, random) => {
    header[name]!.dtype = ['F32', 'BF16', 'F64', 'I8', 'F8_E4M3', 'BOOL', '', 7][random.integer(8)]
  },
  'another name': (header, name, random) => {
    header[`${name}${random.integer(9)}`] = header[name]!
    delete header[name]
  },
  'the name of another': (header, name, random) => {
    const other = names(header)[random.integer(names(header).length)]!
    const own = header[name]!
    header[name] = header[other]!
    header[other] = own
  },
  'not there': (header, name) => {
    delete header[name]
  },
  'more than is asked for': (header, name) => {
    header[name] = { ...header[name]!, strides: [1] } as Entry
  },
  'a further one without numbers': (header, _name, random) => {
    header[`model.diffusion_model.${random.integer(9)}.weight`] = { dtype: 'F16', shape: [0], data_offsets: [0, 0] }
  },
}

/** What is changed in the bytes. */
const damages: Readonly<Record<string, (file: Buffer, random: Random) => Buffer>> = {
  'cut off': (file, random) => file.subarray(0, random.integer(file.length)),
  'cut off in its header': (file, random) => file.subarray(0, random.integer(headerEnd(file))),
  longer: (file, random) => Buffer.concat([file, Buffer.alloc(1 + random.integer(64))]),
  'another length of the header': (file, random) => {
    const copy = Buffer.from(file)
    copy.writeBigUInt64LE(BigInt(random.integer(2 ** 32)) << BigInt(random.integer(32)))
    return copy
  },
  'letters of the header': (file, random) => {
    const copy = Buffer.from(file)
    for (let count = 0; count < 4; count++) copy[8 + random.integer(headerEnd(file) - 8)] = random.integer(256)
    return copy
  },
}

test(`${FILES} files that lie are read within themselves or refused with a sentence`, async () => {
  const counts = { read: 0, refused: 0 }
  const kinds = [...Object.keys(lies), ...Object.keys(damages)]
  for (let index = 0; index < FILES; index++) {
    const random = createRandom(index)
    const kind = kinds[index % kinds.length]!
    const original = originals[Math.floor(index / kinds.length) % 2]!
    const bytes = damages[kind]?.(original, random) ?? withLie(original, lies[kind]!, random)
    const path = join(folder, 'hostile.safetensors')
    await writeFile(path, bytes)
    try {
      const layout = await readLayout({ path, loras: [] })
      for (const part of PARTS.filter((each) => layout.has(each))) {
        assertInside(layout.graph(part), path, bytes.length, kind)
      }
      counts.read++
    } catch (error) {
      assert.ok(error instanceof UserError, `${kind} (${index}): ${error instanceof Error ? error.stack : error}`)
      assert.ok(error.message.length < 500, error.message)
      counts.refused++
    }
    assert.throws(() => readLora(path, 1), UserError)
  }
  assert.ok(counts.refused > FILES / 2 && counts.read > 0, JSON.stringify(counts))
})

const PARTS = ['denoiser', 'text_encoder', 'text_encoder_2', 'text_encoder_3', 'vae_encoder', 'vae_decoder'] as const

function withLie(original: Buffer, lie: (typeof lies)[string], random: Random): Buffer {
  const end = headerEnd(original)
  const header: Header = JSON.parse(original.toString('utf8', 8, end))
  const name = names(header)[random.integer(names(header).length)]!
  lie(header, name, random)
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, original.subarray(end)])
}

/** No weight reaches beyond the file, or is larger or smaller than its shape says. */
function assertInside({ constants }: Graph, path: string, size: number, kind: string) {
  const widths: Record<string, number> = { float16: 2, bfloat16: 2, float32: 4, float64: 8 }
  for (const [name, { type, storedAs = type, dims, data }] of constants) {
    if (!isOnDisk(data)) continue
    const { file, offset, length } = data
    assert.equal(file, path)
    assert.ok(offset >= 8 && length >= 0 && offset + length <= size, `${kind}: ${name}`)
    assert.equal(
      dims.reduce((product, dim) => product * dim, widths[storedAs]!),
      length,
      `${kind}: ${name}`,
    )
  }
}

const names = (header: Header) => Object.keys(header).filter((name) => name !== '__metadata__')
const pick = (header: Header, random: Random) => header[names(header)[random.integer(names(header).length)]!]!
const headerEnd = (file: Buffer) => 8 + Number(file.readBigUInt64LE())
