import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { type ModelProto, ModelProtoSchema, TensorProto_DataLocation, TensorProto_DataType } from 'onnx-buf'
import { constantOf, type Graph, graphOf, isOnDisk, node, numbersOf } from '../../src/onnx/graph.ts'
import { decodeGraph, encodeGraph, folderOfWeights, readModel, readRange } from '../../src/onnx/proto.ts'
import { openSession } from '../../src/onnx/session.ts'

const folder = mkdtempSync(join(tmpdir(), 'isto-proto-'))
after(() => rmSync(folder, { recursive: true }))

const count = 2000
const weight = Float32Array.from({ length: count }, (_, index) => index / 7)
const bytesOf = (array: Float32Array) => new Uint8Array(array.buffer)

function write(name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes)
  return join(folder, name)
}

const adding = (constants: Graph['constants']) =>
  graphOf({
    inputs: [{ name: 'x', type: 'float32', dims: ['batch', count] }],
    constants,
    nodes: [node('Add', ['x', 'w'], ['y'])],
    outputs: ['y'],
    values: new Map([['y', { name: 'y', type: 'float32', dims: ['batch', count] }]]),
  })

test('weights that are stored in another type are converted for each node that uses them', async () => {
  const half = constantOf(
    'float16',
    [count],
    Array.from({ length: count }, (_, index) => (index % 64) / 8),
  )
  const graph = adding(new Map([['w', { ...half, type: 'float32', storedAs: 'float16' } as const]]))
  const twice = {
    ...graph,
    nodes: [node('Add', ['x', 'w'], ['z']), node('Mul', ['z', 'w'], ['y'])],
    outputs: ['y', 'w'],
  }
  const casts = (conversions: 'once' | 'by each use') =>
    decodeGraph(encodeGraph(twice, '.', conversions)).nodes.filter(({ operator }) => operator === 'Cast').length
  assert.deepEqual([casts('once'), casts('by each use')], [1, 3])
  const x = { dims: [1, count], data: new Float32Array(count).fill(1) }
  const results = await Promise.all(
    (['once', 'by each use'] as const).map(async (conversions) => {
      const session = await openSession(encodeGraph(twice, '.', conversions), { convertEachTime: true })
      const { y, w } = await session.run({ x })
      await session.close()
      return [y!.data, w!.data]
    }),
  )
  assert.deepEqual(results[0], results[1])
  assert.equal(results[0]![0]![9], (1 + 9 / 8) * (9 / 8))
})

test('a graph survives encoding, with every kind of attribute and number', () => {
  const graph = graphOf({
    opsets: new Map([
      ['', 20],
      ['com.example', 2],
    ]),
    inputs: [
      { name: 'x', type: 'float16', dims: [] },
      { name: 'free', type: 'int64', dims: ['n', 3] },
    ],
    outputs: ['y'],
    nodes: [
      node('Anything', ['x', '', 'c'], ['y', ''], {
        integer: -(2n ** 63n),
        float: 0.5,
        text: 'é',
        integers: [1n, -2n],
        floats: [1.5, -0.25],
        none: [],
        tensor: constantOf('bool', [2], [1, 0]),
      }),
    ],
    constants: new Map([
      ['c', constantOf('float16', [2], [0.5, -2])],
      ['d', constantOf('float64', [], [Math.PI])],
      ['e', constantOf('int32', [0], [])],
      ['f', constantOf('int64', [1], [-5])],
    ]),
    values: new Map([['y', { name: 'y', type: 'uint8', dims: [1, 'k'] }]]),
  })
  const bytes = encodeGraph(graph)
  const decoded = decodeGraph(bytes)
  assert.deepEqual(decoded, graph)
  assert.deepEqual(encodeGraph(decoded), bytes)
})

test('subgraphs are carried along, and what they use from outside is known', () => {
  const branch = {
    name: 'b',
    node: [{ opType: 'Neg', input: ['outer'], output: ['inner'] }],
    output: [{ name: 'inner' }],
  }
  const attribute = ['then_branch', 'else_branch'].map((name) => ({ name, type: 5, g: branch }))
  const model = create(ModelProtoSchema, {
    graph: { node: [{ opType: 'If', input: ['c'], output: ['y'], attribute }] },
  })
  const graph = decodeGraph(toBinary(ModelProtoSchema, model))
  const [found] = Object.values(graph.nodes[0]!.attributes)
  assert.ok(typeof found === 'object' && 'uses' in found && found.uses.includes('outer'))
  assert.deepEqual(decodeGraph(encodeGraph(graph)).nodes, graph.nodes)
})

test('weights inside a model file become byte ranges of it, and are not read', () => {
  const path = write(
    'inside.onnx',
    encodeGraph(adding(new Map([['w', { type: 'float32', dims: [count], data: bytesOf(weight) }]]))),
  )
  const graph = readModel(path)
  const { data } = graph.constants.get('w')!
  assert.ok(isOnDisk(data))
  assert.equal(data.length, count * 4)
  assert.deepEqual(readRange(data), bytesOf(weight))
  assert.ok(encodeGraph(graph, folder).length < 1000)
})

test('a session maps weights from the middle of the original file', async () => {
  const path = write(
    'mapped.onnx',
    encodeGraph(adding(new Map([['w', { type: 'float32', dims: [count], data: bytesOf(weight) }]]))),
  )
  const graph = readModel(path)
  const session = await openSession(encodeGraph(graph, folderOfWeights(graph)), {
    folder: folderOfWeights(graph),
    threads: 1,
  })
  const { y } = await session.run({ x: { dims: [2, count], data: new Float32Array(2 * count).fill(1) } })
  await session.close()
  assert.deepEqual(y!.dims, [2, count])
  assert.equal(y!.data[count + 14], 3)
})

/** A model as optimum writes it: weights, and long constants of nodes, in a file beside it. */
function externalModel(location: string): Uint8Array {
  const tensor = (name: string, dims: number[], dataType: number, offset: number, length: number) => ({
    name,
    dims: dims.map(BigInt),
    dataType,
    dataLocation: TensorProto_DataLocation.EXTERNAL,
    externalData: Object.entries({ location, offset: `${offset}`, length: `${length}` }).map(([key, value]) => ({
      key,
      value,
    })),
  })
  const model: ModelProto = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ version: 17n }],
    graph: {
      name: 'g',
      initializer: [tensor('w', [count], TensorProto_DataType.FLOAT, 160, count * 4)],
      node: [
        {
          opType: 'Constant',
          output: ['s'],
          attribute: [{ name: 'value', type: 4, t: tensor('', [20], TensorProto_DataType.INT64, 0, 160) }],
        },
        { opType: 'Add', input: ['w', 's'], output: ['y'] },
      ],
      output: [{ name: 'y' }],
    },
  })
  return toBinary(ModelProtoSchema, model)
}

const sidecar = () => {
  const shape = new Uint8Array(BigInt64Array.from({ length: 20 }, (_, index) => BigInt(index)).buffer)
  return Buffer.concat([shape, bytesOf(weight)])
}

test('external data stays where it is, except for whole numbers, in Constant nodes too', () => {
  write('model.onnx.data', sidecar())
  const graph = readModel(write('external.onnx', externalModel('model.onnx.data')))
  const { data } = graph.constants.get('w')!
  assert.ok(isOnDisk(data))
  assert.deepEqual(readRange(data), bytesOf(weight))
  assert.deepEqual(numbersOf(graph.constants.get('s')!)?.slice(0, 3), [0, 1, 2])
  assert.deepEqual(
    graph.nodes.map(({ operator }) => operator),
    ['Add'],
  )
})

test('symbolic links, as in a download cache, are followed to the real files', () => {
  const [blobs, snapshot] = [join(folder, 'blobs'), join(folder, 'snapshot')]
  mkdirSync(blobs)
  mkdirSync(snapshot)
  writeFileSync(join(blobs, 'aa'), externalModel('model.onnx.data'))
  writeFileSync(join(blobs, 'bb'), sidecar())
  symlinkSync('../blobs/aa', join(snapshot, 'model.onnx'))
  symlinkSync('../blobs/bb', join(snapshot, 'model.onnx.data'))
  const graph = readModel(join(snapshot, 'model.onnx'))
  const { data } = graph.constants.get('w')!
  assert.ok(isOnDisk(data) && data.file.endsWith(join('blobs', 'bb')))
  assert.ok(folderOfWeights(graph).endsWith('blobs'))
})

test('numbers kept in typed fields are read like raw bytes', () => {
  const tensors = [
    { name: 'a', dims: [2n], dataType: TensorProto_DataType.FLOAT, floatData: [1.5, -2] },
    { name: 'b', dims: [2n], dataType: TensorProto_DataType.FLOAT16, int32Data: [0x3c00, 0xc000] },
    { name: 'c', dims: [1n], dataType: TensorProto_DataType.INT64, int64Data: [-7n] },
    { name: 'd', dims: [2n], dataType: TensorProto_DataType.BOOL, int32Data: [1, 0] },
    { name: 'e', dims: [1n], dataType: TensorProto_DataType.DOUBLE, doubleData: [0.1] },
    { name: 'f', dims: [1n], dataType: TensorProto_DataType.INT32, int32Data: [-3] },
  ]
  const graph = decodeGraph(toBinary(ModelProtoSchema, create(ModelProtoSchema, { graph: { initializer: tensors } })))
  assert.deepEqual([...graph.constants.values()].map(numbersOf), [[1.5, -2], [1, -2], [-7], [1, 0], [0.1], [-3]])
})

const refusals: [string, () => string, RegExp][] = [
  ['a file that is not there', () => join(folder, 'nothing.onnx'), /there is no such file/],
  [
    'a file that is no model',
    () => write('text.onnx', Buffer.from('not a model at all')),
    /not an ONNX model, or it is damaged/,
  ],
  ['an empty file', () => write('empty.onnx', new Uint8Array()), /not an ONNX model, or it is damaged/],
  ['a truncated file', () => truncated(), /not an ONNX model, or it is damaged/],
  ['a model without its weights', () => write('lonely.onnx', externalModel('gone.data')), /weights are missing/],
  ['weights outside the folder', () => write('escape.onnx', externalModel('../secret')), /outside its folder/],
  ['weights at an absolute path', () => write('absolute.onnx', externalModel('/etc/passwd')), /outside its folder/],
]

function truncated(): string {
  const path = write(
    'cut.onnx',
    encodeGraph(adding(new Map([['w', { type: 'float32', dims: [count], data: bytesOf(weight) }]]))),
  )
  truncateSync(path, statSync(path).size - 500)
  return path
}

for (const [what, path, message] of refusals) {
  test(`${what}: one clear sentence`, () => {
    assert.throws(() => readModel(path()), { name: 'UserError', message })
  })
}
