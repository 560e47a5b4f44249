import { constantOf, type Graph, graphOf, node } from '../onnx/graph.ts'
import type { Feeds } from '../onnx/session.ts'
import { createRandom } from '../tensor/random.ts'
import { sizeOf, type Tensor, tensor } from '../tensor/tensor.ts'

const [batch, channels, side, words] = [2, 64, 32, 16]
export const xDims = [batch, channels, side, side]
export const cDims = [batch, words, channels]
const random = createRandom(0)
export const normal = (dims: readonly number[], scale = 1): Tensor => {
  const { data } = random.normal(dims)
  return tensor(
    dims,
    data.map((value) => value * scale),
  )
}
const weights: Readonly<Record<string, Tensor>> = {
  convolution: normal([channels, channels, 3, 3], 1 / Math.sqrt(9 * channels)),
  down: normal([channels, channels, 3, 3], 1 / Math.sqrt(9 * channels)),
  query: normal([channels, channels], 1 / Math.sqrt(channels)),
  key: normal([channels, channels], 1 / Math.sqrt(channels)),
  value: normal([channels, channels], 1 / Math.sqrt(channels)),
  scale: tensor([channels], new Float32Array(channels).fill(1.5)),
  bias: normal([channels]),
  ones: tensor([8], new Float32Array(8).fill(1)),
  zeros: tensor([8]),
}
/** Its inputs and the target of its output. */
export const numbers: Feeds = {
  x: normal(xDims),
  c: normal(cDims),
  target: normal([batch, channels, side, side]),
  weight: tensor(xDims, new Float32Array(sizeOf(xDims)).fill(0.01)),
}

/**
 * What denoising networks are made of: y = attention of x to c, then a block of normalization, SiLU and convolution at
 * half the size, and back to full size.
 */
export function trialNetwork(): Graph {
  const integers = {
    inGroups: [0, 8, -1],
    image: [batch, channels, side, side],
    rows: [batch, channels, side * side],
  }
  return graphOf({
    inputs: [
      { name: 'x', type: 'float32', dims: xDims },
      { name: 'c', type: 'float32', dims: cDims },
    ],
    constants: new Map([
      ...Object.entries(weights).map(
        ([name, { dims, data }]) => [name, constantOf('float32', dims, Array.from(data))] as const,
      ),
      ...Object.entries(integers).map(([name, dims]) => [name, constantOf('int64', [dims.length], dims)] as const),
      ['sizes', constantOf('float32', [4], [1, 1, 2, 2])],
    ]),
    nodes: [
      node('Reshape', ['x', 'rows'], ['rowsOfX']),
      node('Transpose', ['rowsOfX'], ['tokens'], { perm: [0n, 2n, 1n] }),
      node('LayerNormalization', ['c', 'scale', 'bias'], ['normal'], { axis: -1n }),
      node('MatMul', ['tokens', 'query'], ['q']),
      node('MatMul', ['normal', 'key'], ['k']),
      node('MatMul', ['normal', 'value'], ['v']),
      node('Transpose', ['k'], ['kT'], { perm: [0n, 2n, 1n] }),
      node('MatMul', ['q', 'kT'], ['scores']),
      node('Softmax', ['scores'], ['map'], { axis: -1n }),
      node('MatMul', ['map', 'v'], ['mixed']),
      node('Add', ['tokens', 'mixed'], ['sum']),
      node('Transpose', ['sum'], ['sumT'], { perm: [0n, 2n, 1n] }),
      node('Reshape', ['sumT', 'inGroups'], ['groups']),
      node('InstanceNormalization', ['groups', 'ones', 'zeros'], ['normalGroups']),
      node('Reshape', ['normalGroups', 'image'], ['normalImage']),
      node('Sigmoid', ['normalImage'], ['gate']),
      node('Mul', ['normalImage', 'gate'], ['silu']),
      node('Conv', ['silu', 'down'], ['small'], { strides: [2n, 2n], pads: [1n, 1n, 1n, 1n], kernel_shape: [3n, 3n] }),
      node('Resize', ['small', '', 'sizes'], ['large'], {
        mode: 'nearest',
        coordinate_transformation_mode: 'asymmetric',
        nearest_mode: 'floor',
      }),
      node('Conv', ['large', 'convolution'], ['y'], { pads: [1n, 1n, 1n, 1n], kernel_shape: [3n, 3n] }),
    ],
    outputs: ['y'],
  })
}
