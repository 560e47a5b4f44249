import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openDifferentiable } from '../../src/compute/differentiable.ts'
import { cpu, type Hardware } from '../../src/compute/hardware.ts'
import { constantOf, graphOf, node } from '../../src/onnx/graph.ts'
import { encodeGraph, readModel } from '../../src/onnx/proto.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import {
  type Export,
  exportNames,
  feedsOf,
  modelPath,
  readCase,
  readNumbers,
  relativeError,
} from '../autodiff/reference.ts'

// Half precision as a graphics card has it, on the CPU: every value of float16 is rounded to it.

const half: Hardware = { ...cpu, half: true }
const folder = mkdtempSync(join(tmpdir(), 'isto-half-'))
after(() => rmSync(folder, { recursive: true }))

for (const name of exportNames.filter((each) => each.endsWith('fp16'))) {
  test(`${name}: the gradient of a loss as small as real ones are is PyTorch's`, async () => {
    const described = readCase<Export>(name)
    const { inputs, outputs, by } = described
    const numbers = readNumbers(name)
    const model = await openDifferentiable({
      graph: readModel(modelPath(name)),
      name,
      cutTokenEmbeddings: name.startsWith('text-'),
      hardware: half,
      inputDims: inputs,
      by,
      loss: { kind: 'cotangent', outputs },
    })
    const feeds = feedsOf(described, numbers)
    const small = outputs.map((each) => [`cotangent:${each}`, times(numbers[`cotangent:${each}`]!, SMALL)] as const)
    const { gradients } = await model.runWithGradient({ ...feeds, ...Object.fromEntries(small) })
    const forward = await model.run(feeds)
    await model.close()
    for (const each of by) {
      const error = relativeError(times(gradients[each]!, 1 / SMALL), numbers[`gradient:${each}`]!)
      assert.ok(error <= 5e-3, `gradient with respect to ${each}: ${error}`)
    }
    for (const each of outputs) {
      const error = relativeError(forward[each]!, numbers[`output:${each}`]!)
      assert.ok(error <= 5e-3, `${each}: ${error}`)
    }
  })
}

const SMALL = 1e-6

const times = ({ dims, data }: Tensor, factor: number) =>
  tensor(
    dims,
    data.map((value) => value * factor),
  )

/** y = x · w₁ · w₂ · w₃, stored as float16. Each w is as many times the unit matrix. */
function product(name: string, factors: readonly number[]): string {
  const unit = (factor: number) =>
    Array.from({ length: WIDTH * WIDTH }, (_, index) => (index % (WIDTH + 1) === 0 ? factor : 0))
  const names = ['x', ...factors.map((_, index) => (index === factors.length - 1 ? 'y' : `x${index}`))]
  const graph = graphOf({
    inputs: [{ name: 'x', type: 'float16', dims: [1, WIDTH] }],
    constants: new Map(
      factors.map((factor, index) => [`w${index}`, constantOf('float16', [WIDTH, WIDTH], unit(factor))]),
    ),
    nodes: factors.map((_, index) => node('MatMul', [names[index]!, `w${index}`], [names[index + 1]!])),
    outputs: ['y'],
    values: new Map([['y', { name: 'y', type: 'float16', dims: [1, WIDTH] }]]),
  })
  mkdirSync(join(folder, name))
  const path = join(folder, name, 'model.onnx')
  writeFileSync(path, encodeGraph(graph))
  return path
}

const WIDTH = 32
const ones = tensor([1, WIDTH], new Float32Array(WIDTH).fill(1))
const loss = { kind: 'cotangent', outputs: ['y'] } as const

test('a gradient that leaves the range is carried smaller, and comes back in its size', async () => {
  const told: string[] = []
  const model = await openDifferentiable({
    graph: readModel(product('steep', [1 / 1024, 1024, 1024])),
    name: 'steep',
    hardware: { ...half, tell: (line) => told.push(line) },
    inputDims: { x: [1, WIDTH] },
    by: ['x'],
    loss,
  })
  // Twice: the second time it begins where the first one ended.
  for (const _ of [1, 2]) {
    const { gradients } = await model.runWithGradient({ x: ones, 'cotangent:y': ones })
    assert.ok(gradients.x!.data.every((value) => value === 1024))
  }
  await model.close()
  assert.deepEqual(told, [])
})

test('a network whose own numbers leave the range is computed in float32 from then on, and says so', async () => {
  const told: string[] = []
  const model = await openDifferentiable({
    graph: readModel(product('unet', [4096, 4096])),
    name: 'unet',
    hardware: { ...half, tell: (line) => told.push(line) },
    inputDims: { x: [1, WIDTH] },
    by: ['x'],
    loss,
  })
  for (const _ of [1, 2]) {
    const { outputs, gradients } = await model.runWithGradient({ x: ones, 'cotangent:y': ones })
    assert.ok([...outputs.y!.data, ...gradients.x!.data].every((value) => value === 4096 ** 2))
  }
  const { y } = await model.run({ x: ones })
  assert.ok(y!.data.every((value) => value === 4096 ** 2))
  await model.close()
  assert.deepEqual(told, ['unet is computed in float32 from now on: its numbers exceed the range of half precision.'])
})

test('a network that its device gives up is computed on the CPU, and says so', async () => {
  const told: string[] = []
  const nowhere = process.platform === 'win32' ? 'coreml' : 'directml'
  const model = await openDifferentiable({
    graph: readModel(product('vae', [2, 2])),
    name: 'vae',
    hardware: { ...half, device: nowhere, tell: (line) => told.push(line) },
    inputDims: { x: [1, WIDTH] },
    by: ['x'],
    loss,
  })
  const { gradients } = await model.runWithGradient({ x: ones, 'cotangent:y': ones })
  const { y } = await model.run({ x: ones })
  await model.close()
  assert.ok([...y!.data, ...gradients.x!.data].every((value) => value === 4))
  assert.equal(told.length, 1)
  assert.match(told[0]!, /^vae is computed on the CPU: \w+ failed \(no available backend found\. /)
})

test('models in float32 stay in it', async () => {
  const name = 'text-sd15-legacy-14'
  const { inputs, by, outputs } = readCase<Export>(name)
  const numbers = readNumbers(name)
  const model = await openDifferentiable({
    graph: readModel(modelPath(name)),
    name,
    cutTokenEmbeddings: true,
    hardware: half,
    inputDims: inputs,
    by,
    loss: { kind: 'cotangent', outputs },
  })
  const { gradients } = await model.runWithGradient(feedsOf(readCase<Export>(name), numbers))
  await model.close()
  for (const each of by) assert.ok(relativeError(gradients[each]!, numbers[`gradient:${each}`]!) <= 2e-5)
})
