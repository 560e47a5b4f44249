import { parseArgs } from 'node:util'
import { gradientGraph } from '../src/compute/gradient-model.ts'
import type { Graph, ValueInfo } from '../src/onnx/graph.ts'
import { readModel } from '../src/onnx/proto.ts'
import { toFloat16 } from '../src/onnx/to-float16.ts'
import { toFloat32 } from '../src/onnx/to-float32.ts'

// What a learning step of a denoising network has to hold on a device, counted from the sizes in its gradient graph:
// nothing is run. `node bench/device-memory.ts --unet FOLDER/unet/model.onnx [--side 64] [--batch 1]`

/** Operators that only change a value's shape. */
const reshaping = new Set(['Reshape', 'Squeeze', 'Unsqueeze', 'Flatten', 'Identity'])

const { values } = parseArgs({
  options: {
    unet: { type: 'string' },
    side: { type: 'string', default: '64' },
    words: { type: 'string', default: '77' },
    batch: { type: 'string', default: '1' },
  },
})
if (!values.unet) throw new Error('Expected --unet with the path of a model.onnx')
const [batch, side, words] = [values.batch, values.side, values.words].map(Number) as [number, number, number]

const model = toFloat32(readModel(values.unet))
const width = Number(model.inputs.find(({ name }) => name === 'encoder_hidden_states')!.dims.at(-1))
const isPooled = model.inputs.some(({ name }) => name === 'text_embeds')
const timestep = model.inputs.find(({ name }) => name === 'timestep')!.dims.length
const output = model.outputs.includes('out_sample') ? 'out_sample' : model.outputs[0]!
const whole = await gradientGraph(model, {
  inputDims: {
    sample: [batch, 4, side, side],
    timestep: timestep === 0 ? [] : [batch],
    encoder_hidden_states: [batch, words, width],
    ...(isPooled && { text_embeds: [batch, 1280], time_ids: [batch, 6] }),
  },
  by: ['encoder_hidden_states', ...(isPooled ? ['text_embeds'] : [])],
  loss: { kind: 'weighted-mse', output },
  half: true,
})
console.log('| precision | weights, GB | the rest at its largest, GB | together |')
console.log('|---|---|---|---|')
for (const [name, graph] of [
  ['float32', whole],
  ['float16', toFloat16(whole)],
] as const) {
  const [weights, rest] = [weightsOf(graph), largestMoment(graph)].map((bytes) => bytes / 1e9)
  console.log(`| ${name} | ${weights!.toFixed(2)} | ${rest!.toFixed(2)} | ${(weights! + rest!).toFixed(2)} |`)
}

function weightsOf({ constants }: Graph): number {
  return [...constants.values()].reduce((bytes, info) => bytes + bytesOf(info), 0)
}

/** Every value lives from the node that makes it to the last that reads it; changing only the shape costs nothing. */
function largestMoment(graph: Graph): number {
  const roots = new Map<string, string>()
  const rootOf = (name: string) => roots.get(name) ?? name
  const lastUse = new Map<string, number>()
  for (const [index, { operator, inputs, outputs }] of graph.nodes.entries()) {
    for (const name of inputs) lastUse.set(rootOf(name), index)
    if (reshaping.has(operator)) roots.set(outputs[0]!, rootOf(inputs[0]!))
  }
  for (const name of graph.outputs) lastUse.set(rootOf(name), graph.nodes.length)
  const leaving = Map.groupBy(lastUse.keys(), (name) => lastUse.get(name)!)
  const made = new Set<string>()
  let [bytes, largest] = [0, 0]
  for (const [index, { outputs, operator }] of graph.nodes.entries()) {
    for (const name of reshaping.has(operator) ? [] : outputs) {
      const info = graph.values.get(name)
      if (!info) continue
      made.add(name)
      bytes += bytesOf(info)
    }
    largest = Math.max(largest, bytes)
    for (const name of leaving.get(index) ?? []) if (made.delete(name)) bytes -= bytesOf(graph.values.get(name)!)
  }
  return largest
}

function bytesOf({ type, dims }: Pick<ValueInfo, 'type' | 'dims'>): number {
  const size = type === 'float16' ? 2 : type === 'int64' || type === 'float64' ? 8 : 4
  return dims.reduce<number>((bytes, dim) => bytes * Number(dim), size)
}
