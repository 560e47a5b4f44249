import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { readScheduleConfig, schedule } from '../../src/diffusion/schedule.ts'
import { encodeDifference, type Origin } from '../../src/engine/difference.ts'
import { readLayout } from '../../src/networks/layout.ts'
import { loadModel } from '../../src/networks/load.ts'
import { createRandom } from '../../src/tensor/random.ts'
import { encodeSafetensors } from '../../src/tensor/safetensors.ts'
import { seed } from './dice.ts'

/** A safetensors file, taken apart. */
export interface DifferenceFile {
  readonly header: Header
  readonly data: Buffer
}

/** The JSON at the start. */
export type Header = Record<string, unknown>

export interface BaseDifference {
  readonly kind: string
  readonly file: DifferenceFile
  /** Whether the model can use it as it is. */
  readonly fits: boolean
}

/** Sound files: learned on the model that ships, made elsewhere for it, and made for others. */
export async function baseDifferences(): Promise<readonly BaseDifference[]> {
  const { name, hash, tokenWidths } = await identity()
  const width = tokenWidths[0]!
  const origin: Origin = {
    version: '0.1.0',
    model: name,
    modelHash: hash,
    mode: 'fast',
    seed: 4294967295,
    steps: 100,
    strength: -1.5,
    preserve: 0.5,
    fit: 0.8,
    captions: { a: 'a cat', a2: 'a cat → “crying”' },
    loss: Array.from({ length: 40 }, (_, step) => 1 / (step + 1)),
  }
  const random = createRandom(seed)
  const learned = (origin?: Origin, ...widths: number[]) =>
    takenApart(
      encodeSafetensors(encodeDifference({ tokens: widths.map((width) => random.normal([4, width])), origin })),
    )
  /** Two bytes each, none of them too large to be a number. */
  const short = (dtype: string, mask: number): DifferenceFile => ({
    header: { x: { dtype, shape: [2, width], data_offsets: [0, 4 * width] } },
    data: Buffer.from(Uint16Array.from({ length: 2 * width }, () => random.integer(2 ** 16) & mask).buffer),
  })
  const python = takenApart(readFileSync(new URL('../fixtures/safetensors/python.safetensors', import.meta.url)))
  return [
    { kind: 'learned', file: learned(origin, width), fits: true },
    {
      kind: 'of few words',
      file: learned({ ...origin, fit: undefined, captions: {}, loss: undefined }, width),
      fits: true,
    },
    { kind: 'made elsewhere', file: learned(undefined, width), fits: true },
    { kind: 'F16', file: short('F16', 0xbfff), fits: true },
    { kind: 'BF16', file: short('BF16', 0xbfff), fits: true },
    { kind: 'of another version', file: learned({ ...origin, modelHash: '0123456789abcdef' }, width), fits: false },
    { kind: 'of another model', file: learned({ ...origin, model: 'sd15', modelHash: 'f' }, 768), fits: false },
    { kind: 'SDXL', file: learned(undefined, 768, 1280), fits: false },
    { kind: 'written by Python', file: python, fits: false },
  ]
}

async function identity() {
  // As config.ts has it.
  process.env.ORT_DISABLE_TELEMETRY = '1'
  const networks = await loadModel({
    layout: await readLayout({ path: fileURLToPath(new URL('../../models/emoji', import.meta.url)), loras: [] }),
    learningBatch: 6,
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  })
  await networks.close()
  return networks
}

function takenApart(bytes: Uint8Array): DifferenceFile {
  const file = Buffer.from(bytes)
  const end = 8 + Number(file.readBigUInt64LE())
  return { header: JSON.parse(file.toString('utf8', 8, end)), data: file.subarray(end) }
}

/** The file; `text` is what stands where the header's JSON does. */
export function putTogether({ header, data }: DifferenceFile, text: string | Buffer = JSON.stringify(header)): Buffer {
  const json = Buffer.from(text as string)
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, data])
}
