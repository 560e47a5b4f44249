import { parseArgs } from 'node:util'
import { gradientName } from '../src/autodiff/gradient.ts'
import { cotangentScale, cotangentSize, gradientGraph } from '../src/compute/gradient-model.ts'
import { cutTokenEmbeddings } from '../src/onnx/cut-token-embeddings.ts'
import type { Graph } from '../src/onnx/graph.ts'
import { encodeGraph, folderOfWeights, readModel } from '../src/onnx/proto.ts'
import { type Device, openSession } from '../src/onnx/session.ts'
import { toFloat16 } from '../src/onnx/to-float16.ts'
import { toFloat32 } from '../src/onnx/to-float32.ts'
import { tensor } from '../src/tensor/tensor.ts'
import {
  type Export,
  exportNames,
  feedsOf,
  modelPath,
  readCase,
  readNumbers,
  relativeError,
} from '../test/autodiff/reference.ts'

// Gradients of exports in half precision, in several ways, compared with PyTorch's in float64. Prints a table for
// RESULTS.md. `--device webgpu` uses a device other than the CPU.

const { values } = parseArgs({ options: { device: { type: 'string', default: 'cpu' } } })
const device = values.device as Device

/**
 * `size`: of the largest cotangent as it goes backward. In a real loss, a mean over 64 × 64 × 4 latents, it is about
 * 1e-4.
 */
interface Way {
  readonly name: string
  readonly size: number
  readonly precision: (graph: Graph) => Graph
}

const everything = (graph: Graph) => toFloat16(graph, new Set())
const ways: readonly Way[] = [
  { name: 'float32', size: 1, precision: (graph) => graph },
  { name: 'float16, as small as in a real loss', size: 1e-4, precision: everything },
  { name: 'float16, loss × 1024', size: 1e-4 * 1024, precision: everything },
  { name: 'float16, largest 64', size: 64, precision: everything },
  { name: 'with float32 islands, as small as in a real loss', size: 1e-4, precision: toFloat16 },
  { name: 'with float32 islands, largest 1', size: 1, precision: toFloat16 },
  { name: 'with float32 islands, largest 64 (ours)', size: 64, precision: toFloat16 },
  { name: 'with float32 islands, largest 1024', size: 1024, precision: toFloat16 },
]

const names = exportNames.filter((name) => name.endsWith('fp16'))
console.log(`| gradient on ${device} | ${names.map((name) => name.replace(/-legacy-\d+-fp16/, '')).join(' | ')} |`)
console.log(`|---|${names.map(() => '---|').join('')}`)
for (const way of ways) {
  const errors: string[] = []
  for (const name of names) errors.push((await errorOf(name, way)).toExponential(1))
  console.log(`| ${way.name} | ${errors.join(' | ')} |`)
}
const known = names.map((name) => readCase<Export>(name).errorOfPyTorch.gradient.toExponential(1))
console.log(`| PyTorch's own in float16, on the CPU | ${known.join(' | ')} |`)

/** The error of the gradients with respect to all inputs together. */
async function errorOf(name: string, { size, precision }: Way): Promise<number> {
  const described = readCase<Export>(name)
  const { inputs, outputs, by } = described
  const numbers = readNumbers(name)
  const read = toFloat32(readModel(modelPath(name)))
  const graph = name.startsWith('text-') ? cutTokenEmbeddings(read).graph : read
  const folder = folderOfWeights(graph)
  const whole = await gradientGraph(graph, {
    inputDims: inputs,
    by,
    half: true,
    loss: { kind: 'cotangent', outputs },
  })
  const session = await openSession(encodeGraph(precision(whole), folder), { folder, device })
  const feeds = { ...feedsOf(described, numbers), [cotangentSize]: tensor([], Float32Array.of(size)) }
  const results = await session.run(feeds)
  await session.close()
  const scale = results[cotangentScale]!.data[0]!
  const got = by.flatMap((each) => Array.from(results[gradientName(each)]!.data, (value) => value / scale))
  const expected = by.flatMap((each) => Array.from(numbers[`gradient:${each}`]!.data))
  const dims = [expected.length]
  return relativeError(tensor(dims, Float32Array.from(got)), tensor(dims, Float32Array.from(expected)))
}
