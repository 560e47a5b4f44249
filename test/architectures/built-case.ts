import assert from 'node:assert/strict'
import { join } from 'node:path'
import type { Tensors } from '../../src/architectures/tensors.ts'
import { readPart } from '../../src/checkpoints/folder.ts'
import type { Graph } from '../../src/onnx/graph.ts'
import { encodeGraph, folderOfWeights, readModel } from '../../src/onnx/proto.ts'
import { type Feeds, openSession } from '../../src/onnx/session.ts'
import { toFloat32 } from '../../src/onnx/to-float32.ts'
import { createRandom } from '../../src/tensor/random.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'

// Networks built of a checkpoint's tensors, beside PyTorch's own exports of the same weights.

const fixtures = join(import.meta.dirname, '../fixtures')

/** The tensors of a part of test/fixtures/checkpoints. */
export const tensorsOf = (model: string, part: string): Tensors => readPart(join(fixtures, 'checkpoints', model, part))!

/** The export of the same weights in test/fixtures/pipelines. */
export const exportOf = (model: string, part: string): Graph =>
  readModel(join(fixtures, 'pipelines', model, part, 'model.onnx'))

export const random = createRandom(7)

/** Of each output that both have, ‖built − exported‖ ÷ ‖exported‖. `told`: what the export is fed otherwise. */
export async function errorsOf(built: Graph, exported: Graph, feeds: Feeds, told: Feeds = {}) {
  const [actual, expected] = await Promise.all([run(built, feeds), run(toFloat32(exported), { ...feeds, ...told })])
  const names = Object.keys(expected).filter((name) => actual[name])
  assert.ok(names.length > 0)
  return Object.fromEntries(names.map((name) => [name, relativeError(actual[name]!, expected[name]!)]))
}

export async function run(graph: Graph, feeds: Feeds) {
  const folder = folderOfWeights(graph)
  const session = await openSession(encodeGraph(graph, folder), { folder, threads: 1 })
  const outputs = await session.run(feeds)
  await session.close()
  return outputs
}

export function relativeError({ dims, data }: Tensor, expected: Tensor): number {
  assert.deepEqual(dims, expected.dims)
  const error = Math.hypot(...data.map((value, index) => value - expected.data[index]!))
  return error / Math.hypot(...expected.data)
}
