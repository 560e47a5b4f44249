/// <reference lib="esnext.float16" />

import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { createRandom } from '../../src/tensor/random.ts'
import { encodeSafetensors } from '../../src/tensor/safetensors.ts'
import { openCheckpoint, predictionOf } from './checkpoint-case.ts'
import { load } from './pipeline-case.ts'

// The same weights in the other forms that people have.

interface Entry {
  readonly dtype: string
  readonly shape: readonly number[]
  readonly data_offsets: readonly [number, number]
}

/** A `.safetensors` file, taken apart. */
type Tensors = Readonly<
  Record<string, { readonly dtype: string; readonly shape: readonly number[]; readonly data: Buffer }>
>

function decode(file: Buffer): Tensors {
  const start = 8 + Number(file.readBigUInt64LE())
  const { __metadata__: _, ...header }: Record<string, Entry> = JSON.parse(file.toString('utf8', 8, start))
  return Object.fromEntries(
    Object.entries(header).map(
      ([
        name,
        {
          dtype,
          shape,
          data_offsets: [from, to],
        },
      ]) => [name, { dtype, shape, data: file.subarray(start + from, start + to) }],
    ),
  )
}

function encode(tensors: Tensors): Buffer {
  let at = 0
  const header = Object.entries(tensors).map(([name, { dtype, shape, data }]) => {
    at += data.length
    return [name, { dtype, shape, data_offsets: [at - data.length, at] }]
  })
  const json = Buffer.from(JSON.stringify(Object.fromEntries(header)))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, ...Object.values(tensors).map(({ data }) => data)])
}

const bytesOf = ({ buffer }: { readonly buffer: ArrayBufferLike }) => Buffer.from(buffer)

function numbersOf(dtype: string, data: Buffer): Float32Array {
  const { buffer } = new Uint8Array(data)
  if (dtype === 'F16') return Float32Array.from(new Float16Array(buffer))
  if (dtype !== 'BF16') return new Float32Array(buffer)
  return new Float32Array(Uint32Array.from(new Uint16Array(buffer), (bits) => bits << 16).buffer)
}

const isFloat = (dtype: string) => ['F32', 'F16', 'BF16'].includes(dtype)

const each = (change: (numbers: Float32Array) => Pick<Tensors[string], 'dtype' | 'data'>) => (file: Buffer) =>
  encode(
    Object.fromEntries(
      Object.entries(decode(file)).map(([name, { dtype, shape, data }]) => [
        name,
        isFloat(dtype) ? { shape, ...change(numbersOf(dtype, data)) } : { dtype, shape, data },
      ]),
    ),
  )

/** Number formats. bfloat16 keeps the upper half of each number; `cut` is what then remains, in float32. */
const formats = {
  fp32: each((numbers) => ({ dtype: 'F32', data: bytesOf(numbers) })),
  fp16: each((numbers) => ({ dtype: 'F16', data: bytesOf(Float16Array.from(numbers)) })),
  cut: each((numbers) => ({
    dtype: 'F32',
    data: bytesOf(Uint32Array.from(new Uint32Array(numbers.buffer), (bits) => (bits & 0xffff0000) >>> 0)),
  })),
  bf16: each((numbers) => ({
    dtype: 'BF16',
    data: bytesOf(Uint16Array.from(new Uint32Array(numbers.buffer), (bits) => bits >>> 16)),
  })),
  halved: each((numbers) => ({ dtype: 'F32', data: bytesOf(Float32Array.from(Float16Array.from(numbers))) })),
} as const

export const forms = ['fp32', 'fp16', 'bf16', 'sharded', 'variant', 'LoRA'] as const
export type Form = (typeof forms)[number]

/**
 * A checkpoint in that form, and the same numbers in float32 and in one piece beside it: what is lost by rounding is lost in
 * both. A LoRA is added to the one and merged into the weights of the other.
 * @param scratch Where both are written, in folders of their own.
 */
export async function inForm(name: string, form: Form, scratch: string) {
  const { model, folder, ...of } = await openCheckpoint(name, scratch)
  await model.close()
  const [made, beside] = [await copied(folder, scratch), await copied(folder, scratch)]
  await rewrite(made, formats[form === 'fp16' || form === 'bf16' ? form : 'fp32'])
  await rewrite(beside, formats[form === 'fp16' ? 'halved' : form === 'bf16' ? 'cut' : 'fp32'])
  if (form === 'sharded') await shard(made)
  if (form === 'variant') await renameAll(made)
  const loras = form === 'LoRA' ? [await writeLora(beside, scratch)] : []
  const prediction = predictionOf(name)
  return {
    made: { ...of, model: await load(made, { prediction, loras }) },
    beside: { ...of, model: await load(beside, { prediction }) },
  }
}

/** A copy whose files have no variant in their names. */
async function copied(folder: string, scratch: string): Promise<string> {
  const made = await mkdtemp(join(scratch, 'form-'))
  await cp(folder, made, { recursive: true })
  for (const path of await weightsIn(made)) await rename(path, path.replace('.fp16.', '.'))
  return made
}

async function weightsIn(folder: string): Promise<string[]> {
  const files = await readdir(folder, { recursive: true })
  return files.filter((file) => file.endsWith('.safetensors')).map((file) => join(folder, file))
}

async function rewrite(folder: string, change: (file: Buffer) => Buffer): Promise<void> {
  for (const path of await weightsIn(folder)) await writeFile(path, change(await readFile(path)))
}

/** As diffusers names two shards and their index. */
async function shard(folder: string): Promise<void> {
  for (const path of await weightsIn(folder)) {
    const tensors = Object.entries(decode(await readFile(path)))
    const name = (index: number) => path.replace('.safetensors', `-0000${index + 1}-of-00002.safetensors`)
    const halves = [tensors.slice(0, tensors.length / 2), tensors.slice(tensors.length / 2)]
    for (const [index, half] of halves.entries()) await writeFile(name(index), encode(Object.fromEntries(half)))
    const places = halves.flatMap((half, index) => half.map(([each]) => [each, basename(name(index))]))
    await writeFile(`${path}.index.json`, JSON.stringify({ weight_map: Object.fromEntries(places) }))
    await rm(path)
  }
}

async function renameAll(folder: string): Promise<void> {
  for (const path of await weightsIn(folder)) await rename(path, path.replace('.safetensors', '.fp16.safetensors'))
}

/** Of rank 1, for one matrix of attention, which is changed by about its own size in the float32 files of `folder`. */
async function writeLora(folder: string, scratch: string) {
  for (const path of await weightsIn(folder)) {
    const tensors = decode(await readFile(path))
    const found = Object.entries(tensors).find(([name]) => ADAPTED.test(name))
    if (!found) continue
    const [name, { dtype, shape, data }] = found
    const [rows = 0, columns = 0] = shape
    const random = createRandom(11)
    const [down, up] = [random.normal([1, columns]), random.normal([rows, 1])]
    const numbers = numbersOf(dtype, data)
    const size = Math.hypot(...numbers) / Math.hypot(...down.data) / Math.hypot(...up.data)
    for (const index of up.data.keys()) up.data[index]! *= size
    for (const index of numbers.keys()) {
      numbers[index]! += STRENGTH * up.data[Math.floor(index / columns)]! * down.data[index % columns]!
    }
    await writeFile(path, encode({ ...tensors, [name]: { dtype, shape, data: bytesOf(numbers) } }))
    const lora = join(await mkdtemp(join(scratch, 'lora-')), 'lora.safetensors')
    const part = name.startsWith('transformer_blocks') ? 'transformer' : 'unet'
    const named = `${part}.${name.replace(/^model\.diffusion_model\./, '').replace(/\.weight$/, '')}`
    const pieces = { [`${named}.lora_A.weight`]: down, [`${named}.lora_B.weight`]: up }
    await writeFile(lora, encodeSafetensors({ tensors: pieces, metadata: {} }))
    return { path: lora, strength: STRENGTH }
  }
  throw new Error(`Expected attention in ${folder}`)
}

const STRENGTH = 0.5

/** Under diffusers' names and Stability AI's. */
const ADAPTED =
  /^(model\.diffusion_model\.middle_block\.1|mid_block\.attentions\.0)\..*attn2\.to_k\.weight$|^transformer_blocks\.0\.attn\.to_k\.weight$/
