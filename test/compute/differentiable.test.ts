import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type DifferentiableOptions, openDifferentiable } from '../../src/compute/differentiable.ts'
import { constantOf, type ElementType, type Graph, graphOf, node } from '../../src/onnx/graph.ts'
import { encodeGraph, readModel } from '../../src/onnx/proto.ts'
import { tensor } from '../../src/tensor/tensor.ts'

const folder = mkdtempSync(join(tmpdir(), 'isto-differentiable-'))
after(() => rmSync(folder, { recursive: true }))

function write(name: string, graph: Graph): string {
  const path = join(folder, name)
  writeFileSync(path, encodeGraph(graph))
  return path
}

const width = 32
const weights = Array.from({ length: width * width }, (_, index) => Math.sin(index))

/** y = x·w, from a file in which w is large enough to stay on disk. */
const network = (type: ElementType = 'float32') =>
  graphOf({
    inputs: [{ name: 'x', type, dims: ['n', width] }],
    constants: new Map([['w', constantOf(type, [width, width], weights)]]),
    nodes: [node('MatMul', ['x', 'w'], ['y'])],
    outputs: ['y'],
    values: new Map([['y', { name: 'y', type, dims: ['n', width] }]]),
  })

const wave = (rows: number, phase: number) =>
  tensor(
    [rows, width],
    Float32Array.from({ length: rows * width }, (_, index) => Math.cos(index + phase)),
  )

const meanSquared = (path: string): DifferentiableOptions => ({
  graph: readModel(path),
  name: 'network',
  inputDims: { x: [2, width] },
  by: ['x'],
  loss: { kind: 'weighted-mse', output: 'y' },
})

const close = (a: number, b: number, tolerance = 1e-4) =>
  assert.ok(Math.abs(a - b) <= tolerance * (1 + Math.abs(b)), `${a} ≠ ${b}`)

for (const [type, tolerance] of [
  ['float32', 1e-4],
  ['float16', 2e-2],
] as const) {
  test(`${type}: the weighted squared error of each sample, and its gradient, are what the formula says`, async () => {
    const opened = await openDifferentiable(meanSquared(write(`${type}.onnx`, network(type))))
    const [x, target, weight] = [wave(2, 0), wave(2, 1), wave(2, 2)]
    const { outputs, loss, gradients } = await opened.runWithGradient({ x, target, weight })
    await opened.close()
    for (const sample of [0, 1]) {
      const at = (column: number) => sample * width + column
      const y = Array.from({ length: width }, (_, to) =>
        weights.reduce(
          (sum, w, index) => sum + (index % width === to ? w * x.data[at(Math.floor(index / width))]! : 0),
          0,
        ),
      )
      const errors = y.map((value, index) => value - target.data[at(index)]!)
      close(
        loss!.data[sample]!,
        errors.reduce((sum, error, index) => sum + weight.data[at(index)]! * error ** 2, 0),
        tolerance,
      )
      for (const from of [0, 7, width - 1]) {
        close(outputs.y!.data[at(from)]!, y[from]!, tolerance)
        const slope = errors.reduce(
          (sum, error, to) => sum + 2 * weight.data[at(to)]! * error * weights[from * width + to]!,
          0,
        )
        close(gradients.x!.data[at(from)]!, slope, tolerance)
      }
    }
    assert.deepEqual([loss!.dims, gradients.x!.dims], [[2], [2, width]])
  })
}

test('a cotangent is carried backward, and forward runs take any batch', async () => {
  const path = write('cotangent.onnx', network())
  const opened = await openDifferentiable({ ...meanSquared(path), loss: { kind: 'cotangent', outputs: ['y'] } })
  const one = tensor([2, width])
  one.data[3] = 1
  const { gradients, loss } = await opened.runWithGradient({ x: wave(2, 0), 'cotangent:y': one })
  const { y } = await opened.run({ x: wave(5, 0) })
  await opened.close()
  assert.equal(loss, undefined)
  assert.deepEqual(y!.dims, [5, width])
  close(gradients.x!.data[4]!, weights[4 * width + 3]!)
  assert.ok(gradients.x!.data.subarray(width).every((value) => value === 0))
})

test('the gradient graph is kept, used again, and told apart by its options', async () => {
  const cacheFolder = join(folder, 'cache', 'deep')
  const path = write('cached.onnx', network())
  const feeds = { x: wave(2, 0), target: wave(2, 1), weight: wave(2, 2) }
  const open = async (inputDims: DifferentiableOptions['inputDims'], rows = 2) => {
    const opened = await openDifferentiable({ ...meanSquared(path), cacheFolder, inputDims })
    const fitting = Object.fromEntries(
      Object.entries(feeds).map(([name, { data }]) => [name, tensor([rows, width], data.slice(0, rows * width))]),
    )
    const { gradients } = await opened.runWithGradient(fitting)
    await opened.close()
    return gradients.x!
  }
  const built = await open({ x: [2, width] })
  assert.equal(readdirSync(cacheFolder).length, 1)
  assert.deepEqual(await open({ x: [2, width] }), built)
  assert.equal(readdirSync(cacheFolder).length, 1)
  await open({ x: [1, width] }, 1)
  assert.equal(readdirSync(cacheFolder).length, 2)
})

test('a text encoder is differentiated by its token embeddings, and gives its table row by row', async () => {
  const table = Array.from({ length: 40 * width }, (_, index) => index)
  const graph = graphOf({
    inputs: [{ name: 'input_ids', type: 'int64', dims: ['n', 3] }],
    constants: new Map([
      ['table', constantOf('float32', [40, width], table)],
      ['zero', constantOf('int64', [], [0])],
    ]),
    nodes: [
      node('Gather', ['table', 'input_ids'], ['looked']),
      node('Mul', ['looked', 'looked'], ['hidden']),
      node('ArgMax', ['input_ids'], ['last'], { axis: 1n, keepdims: 0n }),
      node('Gather', ['hidden', 'zero'], ['first']),
      node('Gather', ['first', 'last'], ['pooled']),
    ],
    outputs: ['hidden', 'pooled'],
  })
  const opened = await openDifferentiable({
    graph: readModel(write('text.onnx', graph)),
    name: 'text',
    inputDims: { input_ids: [1, 3], token_embeddings: [1, 3, width] },
    by: ['token_embeddings'],
    loss: { kind: 'cotangent', outputs: ['pooled'] },
    cutTokenEmbeddings: true,
  })
  const rows = opened.tokenEmbeddingTable()
  assert.deepEqual(rows.dims, [40, width])
  assert.deepEqual([...rows.row(39)], table.slice(39 * width))
  assert.throws(() => rows.row(40), { name: 'RangeError', message: /0 to 39, got 40/ })

  const ids = [2, 39, 1]
  const feeds = {
    input_ids: { dims: [1, 3], data: Int32Array.from(ids) },
    token_embeddings: tensor([1, 3, width], Float32Array.from(ids.flatMap((id) => [...rows.row(id)]))),
  }
  const { pooled } = await opened.run(feeds)
  const cotangent = tensor([1, width], new Float32Array(width).fill(1))
  const { gradients, outputs } = await opened.runWithGradient({ ...feeds, 'cotangent:pooled': cotangent })
  await opened.close()
  assert.deepEqual(outputs.pooled, pooled)
  const expected = ids.flatMap((id) => Array.from(rows.row(id), (value) => (id === 39 ? 2 * value : 0)))
  assert.deepEqual([...gradients.token_embeddings!.data], expected)
})

test('an operator without a gradient is named before any inference', async () => {
  const graph = { ...network(), nodes: [node('MatMul', ['x', 'w'], ['m']), node('Round', ['m'], ['y'])] }
  const opened = await openDifferentiable(meanSquared(write('round.onnx', graph)))
  await assert.rejects(opened.runWithGradient({}), { name: 'UserError', message: /operator Round \(node y\)/ })
  await opened.close()
})

test('an output that the model does not have is refused', async () => {
  const options = {
    ...meanSquared(write('outputs.onnx', network())),
    loss: { kind: 'weighted-mse', output: 'z' },
  } as const
  await assert.rejects((await openDifferentiable(options)).runWithGradient({}), {
    name: 'TypeError',
    message: /one of the outputs y, got z/,
  })
})

test('large weights in half precision stay as they are on disk, forward and backward', async () => {
  const [size, layers] = [2048, 18]
  const bytes = 2 * size * size
  const scale = 1 / 64
  const half = Uint16Array.from({ length: size * size }, (_, index) => ((index * 40503) & 0x83ff) | 0x2400)
  const file = join(folder, 'half.bin')
  const written = openSync(file, 'w')
  for (let layer = 0; layer < layers; layer++) writeSync(written, new Uint8Array(half.buffer))
  closeSync(written)
  const names = Array.from({ length: layers + 1 }, (_, index) => (index === 0 ? 'x' : `h${index}`))
  const graph = graphOf({
    inputs: [{ name: 'x', type: 'float16', dims: [2, size] }],
    constants: new Map(
      names.slice(1).map((name, index) => {
        const data = { file, offset: index * bytes, length: bytes }
        return [`w/${name}`, { type: 'float16', dims: [size, size], data } as const]
      }),
    ),
    nodes: names.slice(1).map((name, index) => node('Gemm', [names[index]!, `w/${name}`], [name], { alpha: scale })),
    outputs: [names.at(-1)!],
    values: new Map(names.map((name) => [name, { name, type: 'float16', dims: [2, size] }])),
  })
  const opened = await openDifferentiable({
    graph,
    name: 'large',
    inputDims: { x: [2, size] },
    by: ['x'],
    loss: { kind: 'cotangent', outputs: graph.outputs },
    inPhases: true,
  })
  const x = tensor(
    [2, size],
    Float32Array.from({ length: 2 * size }, (_, index) => Math.sin(index)),
  )
  const before = process.memoryUsage.rss()
  const forward = await opened.run({ x })
  const { outputs, gradients } = await opened.runWithGradient({ x, [`cotangent:${graph.outputs[0]}`]: x })
  const grown = process.memoryUsage.rss() - before
  await opened.close()
  assert.deepEqual(outputs, forward)
  // The mapped file and some buffers; one private copy in float32 would be twice the file.
  assert.ok(grown < 1.8 * layers * bytes, `${grown} bytes for a file of ${layers * bytes}`)
  // y·x is what the gradient of x·y is, in x's own direction: the network is linear.
  const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, index) => sum + value * b[index]!, 0)
  close(dot(gradients.x!.data, x.data), dot(forward[graph.outputs[0]!]!.data, x.data), 1e-3)
})
