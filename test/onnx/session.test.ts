import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ElementType, graphOf, node } from '../../src/onnx/graph.ts'
import { encodeGraph } from '../../src/onnx/proto.ts'
import { knownDevices, openSession } from '../../src/onnx/session.ts'

const echo = (type: ElementType) =>
  encodeGraph(
    graphOf({ inputs: [{ name: 'x', type, dims: ['n', 2] }], nodes: [node('Identity', ['x'], ['y'])], outputs: ['y'] }),
  )

const types: [ElementType, number[], number[]][] = [
  ['float32', [0.1, -3], [Math.fround(0.1), -3]],
  ['float16', [0.1, 2049], [0.0999755859375, 2048]],
  ['float16', [1e-8, 70000], [0, Number.POSITIVE_INFINITY]],
  ['float64', [0.5, -3], [0.5, -3]],
  ['int32', [7, -3], [7, -3]],
  ['int64', [7, -3], [7, -3]],
  ['bool', [1, 0], [1, 0]],
]

for (const [type, fed, expected] of types) {
  test(`numbers for a ${type} input are converted to it, and back (${fed})`, async () => {
    const session = await openSession(echo(type), { threads: 1 })
    const { y } = await session.run({ x: { dims: [1, 2], data: Float32Array.from(fed) } })
    await session.close()
    assert.deepEqual(y, { dims: [1, 2], data: Float32Array.from(expected) })
  })
}

test('whole numbers in any array reach an int64 input', async () => {
  const session = await openSession(echo('int64'), { threads: 1 })
  for (const data of [Int32Array.of(3, 4), BigInt64Array.of(3n, 4n), Uint8Array.of(3, 4)]) {
    const { y } = await session.run({ x: { dims: [1, 2], data } })
    assert.deepEqual([...y!.data], [3, 4])
  }
  await session.close()
})

test('feeds without an input are left out', async () => {
  const session = await openSession(echo('float32'), { threads: 1 })
  const x = { dims: [1, 2], data: Float32Array.of(1, 2) }
  assert.deepEqual(Object.keys(await session.run({ x, extra: x })), ['y'])
  await session.close()
})

const misfits: [string, Record<string, { dims: number[]; data: Float32Array }>, RegExp][] = [
  ['a missing feed', {}, /Expected x to be float32 \[n,2\], got nothing/],
  ['a feed of another rank', { x: { dims: [2], data: new Float32Array(2) } }, /got \[2\]/],
  ['a feed of another size', { x: { dims: [1, 3], data: new Float32Array(3) } }, /got \[1,3\]/],
  ['a feed with too few numbers', { x: { dims: [2, 2], data: new Float32Array(3) } }, /with 3 numbers/],
]
for (const [what, feeds, message] of misfits) {
  test(`${what} is refused before the run`, async () => {
    const session = await openSession(echo('float32'), { threads: 1 })
    await assert.rejects(session.run(feeds), { name: 'RangeError', message })
    await session.close()
  })
}

test('a device that can not be had is refused, and not replaced by the CPU without a word', async () => {
  const nowhere = process.platform === 'win32' ? 'coreml' : 'directml'
  await assert.rejects(openSession(echo('float32'), { device: nowhere }), /no available backend found/)
  assert.ok(knownDevices().includes('cpu'))
  assert.ok(!knownDevices().includes(nowhere))
})
