import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { readSafetensorsIndex } from '../../src/checkpoints/safetensors.ts'
import { UserError } from '../../src/errors.ts'
import { readRange } from '../../src/onnx/proto.ts'
import { encodeSafetensors } from '../../src/tensor/safetensors.ts'

const folder = await mkdtemp(join(tmpdir(), 'isto-safetensors-'))
after(() => rm(folder, { recursive: true }))

const written = async (bytes: Uint8Array | string) => {
  const path = join(folder, 'model.safetensors')
  await writeFile(path, bytes)
  return path
}

function withHeader(header: unknown, dataBytes: number, headerBytes?: bigint): Buffer {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(headerBytes ?? BigInt(json.length))
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)])
}

test('tensors are byte ranges of the file itself, by its real path', async () => {
  const data = Float32Array.of(1, 2, 3, 4, 5, 6)
  const tensors = { second: { dims: [1], data: Float32Array.of(9) }, first: { dims: [2, 3], data } }
  const path = await written(encodeSafetensors({ tensors, metadata: { made: 'here' } }))
  await symlink(path, join(folder, 'link'))
  const { tensors: found, metadata } = readSafetensorsIndex(join(folder, 'link'))
  assert.deepEqual(metadata, { made: 'here' })
  const first = found.get('first')!
  assert.deepEqual([first.type, first.dims, first.data.file], ['float32', [2, 3], path])
  assert.deepEqual(new Float32Array(readRange(first.data).buffer), data)
})

test('every type of the format has its size; of those that are not numbers here the file is refused', async () => {
  const one = (dtype: string, bytes: number) =>
    withHeader({ a: { dtype, shape: [2], data_offsets: [0, 2 * bytes] } }, 2 * bytes)
  const types = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 }
  for (const [dtype, bytes] of Object.entries(types)) {
    const { tensors } = readSafetensorsIndex(await written(one(dtype, bytes)))
    assert.equal(tensors.get('a')!.data.length, 2 * bytes, dtype)
  }
  await refuses(one('F8_E4M3', 1), /holds float8 numbers \(“a”\), which are not supported: get the model in float16/)
  await refuses(one('F4', 1), /numbers of the type “F4”/)
})

test('a file that lies is a sentence', async () => {
  const a = { dtype: 'F16', shape: [2], data_offsets: [0, 4] }
  const cases: [Buffer, RegExp][] = [
    [withHeader({ a }, 3), /its tensors do not fill the file/],
    [withHeader({ a }, 8), /its tensors do not fill the file/],
    [withHeader({ a, b: a }, 4), /its tensors overlap or leave holes/],
    [withHeader({ a: { ...a, data_offsets: [4, 8] } }, 8), /overlap or leave holes/],
    [withHeader({ a: { ...a, shape: [3] } }, 4), /the shape of “a” does not match/],
    [withHeader({ a: { ...a, shape: [2 ** 62, 4] } }, 4), /is not described properly/],
    [withHeader({ a: { ...a, data_offsets: [2 ** 63, 2 ** 63 + 4] } }, 4), /is not described properly/],
    [withHeader({ a: { ...a, data_offsets: [-4, 0] } }, 4), /is not described properly/],
    [
      withHeader(
        '{"a":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},"a":{"dtype":"F16","shape":[0],"data_offsets":[4,4]}}',
        4,
      ),
      /a name occurs twice/,
    ],
    [withHeader({ a, __metadata__: { a: 1 } }, 4), /its metadata is not text/],
    [withHeader({ a }, 4, 2n ** 63n), /is not a safetensors file, or it is cut off/],
    [withHeader({ a }, 4, 2n ** 40n), /is not a safetensors file, or it is cut off/],
    [withHeader('[]', 0), /its header is unreadable/],
    [withHeader('{', 0), /its header is unreadable/],
    [Buffer.alloc(0), /is not a safetensors file/],
    [
      Buffer.from('version https://git-lfs.github.com/spec/v1\noid sha256:0\n'),
      /only points to the file: `git lfs pull`/,
    ],
    [Buffer.from('GGUF\u0003\u0000\u0000\u0000'), /is a GGUF file.*get the model as \.safetensors in float16/],
    [Buffer.from('PK\u0003\u0004 and so on'), /may hold a program and is never opened here/],
    [Buffer.from([0x80, 2, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46, 0xf9]), /may hold a program and is never opened here/],
  ]
  for (const [bytes, expected] of cases) await refuses(bytes, expected)
  assert.throws(() => readSafetensorsIndex(join(folder, 'nowhere')), UserError)
})

test('a million tensors are refused without being described one by one', async () => {
  const names = Array.from(
    { length: 1_000_000 },
    (_, index) => `"${index}":{"dtype":"F16","shape":[0],"data_offsets":[0,0]}`,
  )
  await refuses(withHeader(`{${names.join()}}`, 0), /is not a safetensors file, or it is cut off/)
})

async function refuses(bytes: Buffer, expected: RegExp) {
  const path = await written(bytes)
  assert.throws(
    () => readSafetensorsIndex(path),
    (error) => error instanceof UserError && expected.test(error.message) && error.message.startsWith(path),
  )
}

test('the index of a file as Python’s library writes it', async () => {
  const path = join(import.meta.dirname, '../fixtures/safetensors/python.safetensors')
  const { tensors } = readSafetensorsIndex(path)
  assert.ok(tensors.size > 0)
  const end = Math.max(...[...tensors.values()].map(({ data }) => data.offset + data.length))
  assert.equal(end, (await readFile(path)).length)
})
