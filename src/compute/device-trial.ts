import { gradientName } from '../autodiff/gradient.ts'
import { constantOf, graphOf, node } from '../onnx/graph.ts'
import { encodeGraph } from '../onnx/proto.ts'
import { type Device, type Feeds, openSession, type Session } from '../onnx/session.ts'
import { tensor } from '../tensor/tensor.ts'
import type { Trial } from './device.ts'
import { buildGradientModel, cotangentScale, cotangentSize } from './gradient-model.ts'
import { firstLine } from './hardware.ts'
import { cDims, normal, numbers, trialNetwork, xDims } from './trial-network.ts'

// A short-lived child process that tries a device out. It is started by path (device.ts) and never imported. Whatever
// happens to it says something about the device and harms nothing else.

const device = process.argv[2] as Device
const trial = await tryOut().catch((error: unknown): Trial => ({ refused: firstLine(error) }))
process.send?.(trial, () => process.exit())

async function tryOut(): Promise<Trial> {
  const whole = await gradientOn(device, false)
  const reference = await gradientOn('cpu', false)
  const half = await gradientOn(device, true).catch(() => undefined)
  return {
    error: relativeError(whole.gradient, reference.gradient),
    ...(half && { errorInHalf: relativeError(half.gradient, reference.gradient) }),
    speedUp: reference.milliseconds / whole.milliseconds,
    largestTensor: device === 'webgpu' ? await largestSoftmax() : Number.POSITIVE_INFINITY,
  }
}

async function gradientOn(on: Device, half: boolean) {
  const model = await buildGradientModel(trialNetwork(), {
    inputDims: { x: xDims, c: cDims },
    by: ['c'],
    loss: { kind: 'weighted-mse', output: 'y' },
    half,
  })
  const session = await openSession(encodeGraph(model), { device: on })
  try {
    const feeds = { ...numbers, [cotangentSize]: tensor([], Float32Array.of(1)) }
    // The first run compiles.
    const results = await session.run(feeds)
    const milliseconds = await fastest(session, feeds)
    const scale = half ? results[cotangentScale]!.data[0]! : 1
    return { gradient: results[gradientName('c')]!.data.map((value) => value / scale), milliseconds }
  } finally {
    await session.close()
  }
}

async function fastest(session: Session, feeds: Feeds): Promise<number> {
  let milliseconds = Number.POSITIVE_INFINITY
  for (let round = 0; round < 3; round++) {
    const start = performance.now()
    await session.run(feeds)
    milliseconds = Math.min(milliseconds, performance.now() - start)
  }
  return milliseconds
}

// ---- How large a tensor may be ----

/** Beyond a binding's limit WebGPU silently computes Softmax wrong. The tensor is made and checked on the device. */
async function largestSoftmax(): Promise<number> {
  const width = 1024
  const model = encodeGraph(
    graphOf({
      inputs: [
        { name: 'row', type: 'float32', dims: [1, width] },
        { name: 'dims', type: 'int64', dims: [2] },
      ],
      constants: new Map([
        ['last', constantOf('int64', [1], [-1])],
        ['end', constantOf('int64', [1], [2 ** 40])],
        ['axis', constantOf('int64', [1], [0])],
      ]),
      nodes: [
        node('Expand', ['row', 'dims'], ['rows']),
        node('Softmax', ['rows'], ['map'], { axis: -1n }),
        node('Slice', ['map', 'last', 'end', 'axis'], ['y']),
      ],
      outputs: ['y'],
    }),
  )
  const session = await openSession(model, { device, level: 'disabled' })
  const row = normal([1, width])
  const exponentials = row.data.map(Math.exp)
  const sum = exponentials.reduce((total, value) => total + value, 0)
  const expected = exponentials.map((value) => value / sum)
  let largest = 2 ** 20
  try {
    for (let bytes = 2 ** 26; bytes <= 2 ** 31; bytes *= 2) {
      const dims = { dims: [2], data: Int32Array.of(bytes / 4 / width, width) }
      const { y } = await session.run({ row, dims })
      if (!(relativeError(y!.data, expected) <= 1e-3)) break
      largest = bytes
    }
  } catch {
    // Too large even to be allocated.
  }
  return largest
}

function relativeError(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  let [difference, length] = [0, 0]
  for (let index = 0; index < expected.length; index++) {
    difference += (got[index]! - expected[index]!) ** 2
    length += expected[index]! ** 2
  }
  return Math.sqrt(difference / length)
}
