import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chooseDevice } from '../../src/compute/device.ts'
import { openDifferentiable } from '../../src/compute/differentiable.ts'
import type { Hardware } from '../../src/compute/hardware.ts'
import { readModel } from '../../src/onnx/proto.ts'
import {
  type Export,
  exportNames,
  feedsOf,
  modelPath,
  readCase,
  readNumbers,
  relativeError,
} from '../autodiff/reference.ts'

// On whatever WebGPU there is: a card, or Mesa's lavapipe, which computes Vulkan on the CPU. Runs are one after another:
// ONNX Runtime crashes when two are under way.

const lines: string[] = []
const hardware = await chooseDevice('webgpu', { tell: (line) => lines.push(line) })
const skip = hardware.device === 'webgpu' ? false : lines.join(' ')

const FAMILIES = [
  'unet-sd15-legacy-17',
  'unet-sd15-legacy-17-fp16',
  'unet-sdxl-dynamo-20',
  'text-sd15-legacy-14',
  'transformer-sd35-legacy-18',
]
const BAR = 2e-4

for (const name of FAMILIES.filter((each) => exportNames.includes(each))) {
  test(`${name}: gradients on WebGPU are PyTorch's`, { skip }, async () => {
    const { gradient, output } = await errorsOf(name, { ...hardware, half: false })
    console.log(
      `${name} | WebGPU | float32 | output ${output.toExponential(1)} | gradient ${gradient.toExponential(1)}`,
    )
    assert.ok(gradient <= BAR && output <= BAR, `output ${output}, gradient ${gradient}`)
  })
}

test('what holds a tensor that is too large for the device is computed on the CPU, and said', { skip }, async () => {
  const told: string[] = []
  const name = 'unet-sd15-legacy-17'
  const tight = { ...hardware, largestTensor: 1024, tell: (line: string) => told.push(line) }
  const { gradient } = await errorsOf(name, tight)
  assert.ok(gradient <= 2e-5)
  assert.equal(told.length, 2)
  for (const line of told) assert.match(line, /is computed on the CPU: it has a tensor of 1 MiB, and webgpu is known/)
})

test('auto prefers the CPU to a WebGPU that is slower', { skip }, async () => {
  const said: string[] = []
  const { device } = await chooseDevice('auto', {
    known: ['cpu', 'webgpu'],
    hasCard: true,
    tell: (line) => said.push(line),
  })
  assert.equal(said.length, 1)
  if (device === 'cpu') assert.match(said[0]!, /WebGPU: it takes [\d.]+ times as long as the CPU/)
  else assert.equal(said[0], 'Computing on WebGPU.')
})

async function errorsOf(name: string, on: Hardware) {
  const described = readCase<Export>(name)
  const { inputs, outputs, by } = described
  const numbers = readNumbers(name)
  const model = await openDifferentiable({
    graph: readModel(modelPath(name)),
    name,
    cutTokenEmbeddings: name.startsWith('text-'),
    hardware: on,
    inputDims: inputs,
    by,
    loss: { kind: 'cotangent', outputs },
  })
  try {
    const feeds = feedsOf(described, numbers)
    const forward = await model.run(feeds)
    const { gradients } = await model.runWithGradient(feeds)
    return {
      output: Math.max(...outputs.map((each) => relativeError(forward[each]!, numbers[`output:${each}`]!))),
      gradient: Math.max(...by.map((each) => relativeError(gradients[each]!, numbers[`gradient:${each}`]!))),
    }
  } finally {
    await model.close()
  }
}
