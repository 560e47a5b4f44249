import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { decodeSafetensors, encodeSafetensors } from '../../src/tensor/safetensors.ts'

const fixture = (name: string) => readFileSync(new URL(`../fixtures/safetensors/${name}`, import.meta.url))

test('a file written by the Python library is read to the bit, in F32, F16 and BF16', () => {
  const expected: Record<string, { dims: number[]; data: number[] }> = JSON.parse(fixture('python.json').toString())
  const { tensors, metadata } = decodeSafetensors(fixture('python.safetensors'), 'The file')
  assert.deepEqual({ ...metadata }, { title: 'A → A′', json: '{"a": 1}' })
  assert.deepEqual(Object.keys(tensors).sort(), Object.keys(expected).sort())
  for (const [name, { dims, data }] of Object.entries(expected)) {
    assert.deepEqual(tensors[name], { dims, data: new Float32Array(data) }, name)
  }
})

test('what is written is read back, and the same content gives the same bytes', () => {
  const content = {
    tensors: {
      emb_params: { dims: [2, 3], data: new Float32Array([0, -0, 1e-42, 3.4e38, -1 / 3, NaN]) },
      '7': { dims: [], data: new Float32Array([7]) },
      __proto__x: { dims: [0, 5], data: new Float32Array() },
    },
    metadata: { isto_caption: '“a cat” → é\n', empty: '' },
  }
  const bytes = encodeSafetensors(content)
  assert.deepEqual(decodeSafetensors(bytes, 'The file'), content)
  assert.deepEqual(encodeSafetensors(content), bytes)
  assert.equal(Number(bytes[0]) % 8, 0, 'the numbers start at a multiple of 8')
})

test('a file that lies at an odd address is read, and the numbers are a copy', () => {
  const bytes = encodeSafetensors({ tensors: { x: { dims: [2], data: new Float32Array([1, 2]) } }, metadata: {} })
  const shifted = new Uint8Array(bytes.length + 1)
  shifted.set(bytes, 1)
  const { tensors } = decodeSafetensors(shifted.subarray(1), 'The file')
  shifted.fill(0)
  assert.deepEqual([...tensors.x!.data], [1, 2])
})

describe('a hostile file is refused in one sentence', () => {
  const x = { dtype: 'F32', shape: [2], data_offsets: [0, 8] }
  const json = JSON.stringify
  const damaged = (reason: string) => `D.safetensors is a damaged safetensors file: ${reason}.`
  const notOne = 'D.safetensors is not a safetensors file, or it is cut off.'
  const pickle =
    'D.safetensors is a PyTorch file, which may hold a program and is never opened here: get it as .safetensors, or convert it if you trust its maker.'
  const unreadable = damaged('its header is unreadable')
  const undescribed = damaged('“x” is not described properly')
  const misshapen = damaged('the shape of “x” does not match its data')

  for (const [what, bytes, expected] of [
    ['nothing', Buffer.alloc(0), notOne],
    ['seven bytes', Buffer.alloc(7), notOne],
    ['a header longer than the file', file(json({ x }), 8, 1000), notOne],
    ['a header of 2⁶⁴ − 1 bytes', Buffer.alloc(64, 0xff), notOne],
    ['a ZIP archive of PyTorch', Buffer.from('504b030400000808000000000000', 'hex'), pickle],
    ['a pickle of PyTorch', Buffer.from('80028a0a6cfc9c46f9206aa850192e', 'hex'), pickle],
    ['a header over the limit', file(' '.repeat(2 ** 20 + 1), 0), notOne],
    ['a file over the limit', Buffer.alloc(2 ** 26 + 1), 'D.safetensors is larger than 64 MB.'],
    ['no JSON', file('{nope', 0), unreadable],
    ['a list', file('[]', 0), unreadable],
    ['bytes that are not UTF-8', file(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 0), unreadable],
    ['a header nested too deeply', file('['.repeat(500_000), 0), unreadable],
    ['metadata that is not text', file(json({ __metadata__: { n: 1 }, x }), 8), damaged('its metadata is not text')],
    ['metadata that is a list', file(json({ __metadata__: ['a'], x }), 8), damaged('its metadata is not text')],
    ['a description that is missing', file(json({ x: null }), 0), undescribed],
    ['a description with extras', file(json({ x: { ...x, more: {} } }), 8), undescribed],
    ['a negative dimension', file(json({ x: { ...x, shape: [-1, -2] } }), 8), undescribed],
    ['a fractional dimension', file(json({ x: { ...x, shape: [0.5, 4] } }), 8), undescribed],
    ['an offset that is text', file(json({ x: { ...x, data_offsets: ['0', '8'] } }), 8), undescribed],
    [
      'numbers of another type',
      file(json({ x: { ...x, dtype: 'F8_E4M3', shape: [8] } }), 8),
      damaged('“x” holds “F8_E4M3” numbers where F64, F32, F16 or BF16 are expected'),
    ],
    [
      'a type that is a property of every object',
      file(json({ x: { ...x, dtype: 'constructor' } }), 8),
      damaged('“x” holds “constructor” numbers where F64, F32, F16 or BF16 are expected'),
    ],
    ['a shape that is too large', file(json({ x: { ...x, shape: [3] } }), 8), misshapen],
    ['dimensions whose product overflows', file(json({ x: { ...x, shape: [2 ** 32, 2 ** 32, 2] } }), 8), misshapen],
    ['offsets in the wrong order', file(json({ x: { ...x, data_offsets: [8, 0] } }), 8), misshapen],
    ['an overlap', file(json({ x, y: x }), 8), damaged('its tensors overlap or leave holes')],
    ['a hole', file(json({ x: { ...x, data_offsets: [4, 12] } }), 12), damaged('its tensors overlap or leave holes')],
    ['offsets beyond the end', file(json({ x }), 7), damaged('its tensors do not fill the file')],
    ['data that nobody owns', file(json({ x }), 9), damaged('its tensors do not fill the file')],
    ['a name twice', file(`{"x":${json(x)},"x":${json(x)}}`, 8), damaged('a name occurs twice')],
    ['a name twice, once escaped', file(`{"x":${json(x)},"\\u0078" :${json(x)}}`, 8), damaged('a name occurs twice')],
    ['metadata twice', file(`{"__metadata__":{"a":"1","a":"2"},"x":${json(x)}}`, 8), damaged('a name occurs twice')],
  ] as const) {
    test(what, () => {
      assert.throws(() => decodeSafetensors(bytes, 'D.safetensors'), { name: 'UserError', message: expected })
    })
  }

  test('text that looks like a name is no name', () => {
    const tricky = { __metadata__: { note: 'say "x": and \\": or \\\\' }, 'a\\": "b': x }
    assert.deepEqual(decodeSafetensors(file(json(tricky), 8), 'D').metadata, tricky.__metadata__)
  })
})

function file(header: string | Uint8Array, dataBytes: number, claimedHeaderBytes?: number): Buffer {
  const length = Buffer.alloc(8)
  const json = Buffer.from(header as string)
  length.writeBigUInt64LE(BigInt(claimedHeaderBytes ?? json.length))
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)])
}
