import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTokens } from '../../src/engine/token-layout.ts'
import { decodeSafetensors } from '../../src/tensor/safetensors.ts'
import { tensor } from '../../src/tensor/tensor.ts'

/** [count, 4], counting up from `first`. */
const rows = (dims: readonly number[], first = 0) =>
  tensor(
    dims,
    Float32Array.from({ length: dims.reduce((product, dim) => product * dim, 1) }, (_, index) => first + index),
  )

test('a tensor has any name and any leading dimensions of 1', () => {
  for (const dims of [[4], [1, 4], [1, 1, 4]]) {
    const [token] = readTokens({ '<cat>': rows(dims) }, 'D', ['emb_params']).tokens
    assert.deepEqual(
      [token!.dims, [...token!.data]],
      [
        [1, 4],
        [0, 1, 2, 3],
      ],
      String(dims),
    )
  }
  assert.deepEqual(readTokens({ x: rows([1, 3, 4]) }, 'D', ['emb_params']).tokens[0]!.dims, [3, 4])
})

test('a list is its parts in their order', () => {
  const parts = Object.fromEntries(Array.from({ length: 11 }, (_, index) => [String(index), rows([4], 4 * index)]))
  const [token] = readTokens(parts, 'D', ['emb_params']).tokens
  assert.deepEqual([token!.dims, [...token!.data]], [[11, 4], Array.from({ length: 44 }, (_, index) => index)])
  assert.throws(() => readTokens({ 0: rows([4]), 2: rows([4]) }, 'D', ['emb_params']), /holds 2 tensors/)
})

test('75 tokens are read, as many as CLIP has room for', () => {
  assert.deepEqual(readTokens({ x: rows([75, 4]) }, 'D', ['emb_params']).tokens[0]!.dims, [75, 4])
  assert.throws(() => readTokens({ x: rows([76, 4]) }, 'D', ['emb_params']), /has 76 tokens, and the limit is 75/)
})

test('doubles are read, and integers beside them are no part of it', () => {
  const header = {
    step: { dtype: 'I64', shape: [1], data_offsets: [0, 8] },
    emb: { dtype: 'F64', shape: [1, 4], data_offsets: [8, 40] },
    string_to_token: { dtype: 'U8', shape: [3], data_offsets: [40, 43] },
  }
  const json = Buffer.from(JSON.stringify(header))
  const head = Buffer.alloc(8)
  head.writeBigUInt64LE(BigInt(json.length))
  const data = Buffer.alloc(43)
  for (const [index, value] of [0.5, -1, 2, 1 / 3].entries()) data.writeDoubleLE(value, 8 + 8 * index)
  const { tensors } = decodeSafetensors(Buffer.concat([head, json, data]), 'D')
  assert.deepEqual([...readTokens(tensors, 'D', ['emb_params']).tokens[0]!.data], [0.5, -1, 2, Math.fround(1 / 3)])
})
