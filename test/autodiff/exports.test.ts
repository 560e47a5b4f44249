import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { type DifferentiableOptions, openDifferentiable } from '../../src/compute/differentiable.ts'
import { decodeGraph, readModel } from '../../src/onnx/proto.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import {
  type Chain,
  chainNames,
  type Export,
  exportNames,
  feedsOf,
  modelPath,
  readCase,
  readNumbers,
  relativeError,
} from './reference.ts'

const BARS = { fp32: 2e-5, fp16: 5e-3 }
const rows: (string | number)[][] = [
  [
    'model',
    'exporter',
    'opset',
    'type',
    'nodes',
    'with gradient',
    'output error',
    '(PyTorch)',
    'gradient error',
    '(PyTorch)',
  ],
]
after(() => console.log(rows.map((row) => row.join(' | ')).join('\n')))
const shown = (error: number) => error.toExponential(1)

for (const name of exportNames) {
  const described = readCase<Export>(name)
  const { inputs, outputs, by, precision, errorOfPyTorch } = described

  test(`${name}: outputs and gradients are PyTorch's`, async () => {
    const numbers = readNumbers(name)
    const feeds = feedsOf(described, numbers)
    const cacheFolder = await mkdtemp(join(tmpdir(), 'exports-'))
    const model = await opened(name, { inputDims: inputs, by, loss: { kind: 'cotangent', outputs }, cacheFolder })
    try {
      const forward = await model.run(feeds)
      const { outputs: values, gradients } = await model.runWithGradient(feeds)
      const worst = (got: Readonly<Record<string, Tensor>>, names: readonly string[], kind: string) =>
        Math.max(...names.map((each) => relativeError(got[each]!, numbers[`${kind}:${each}`]!)))
      const outputError = Math.max(worst(forward, outputs, 'output'), worst(values, outputs, 'output'))
      const gradientError = worst(gradients, by, 'gradient')
      const [cached] = await readdir(cacheFolder)
      const whole = decodeGraph(await readFile(join(cacheFolder, cached!)), dirname(modelPath(name)))
      const [nodes, all] = [readModel(modelPath(name)), whole].map((graph) => graph.nodes.length)
      const errors = [outputError, errorOfPyTorch.output, gradientError, errorOfPyTorch.gradient].map(shown)
      rows.push([described.family, described.exporter, described.opset, precision, nodes!, all!, ...errors])
      assert.ok(outputError <= BARS[precision], `output error ${outputError}`)
      assert.ok(gradientError <= BARS[precision], `gradient error ${gradientError}`)
    } finally {
      await model.close()
      await rm(cacheFolder, { recursive: true })
    }
  })
}

test('the table that is cut out of a text encoder gives the embeddings of tokens', async () => {
  for (const name of exportNames.filter((each) => each.startsWith('text-'))) {
    const { inputs, integers, outputs, by } = readCase<Export>(name)
    const model = await opened(name, { inputDims: inputs, by, loss: { kind: 'cotangent', outputs } })
    const table = model.tokenEmbeddingTable()
    const width = inputs.token_embeddings!.at(-1)!
    assert.deepEqual(table.dims, [64, width])
    const embeddings = readNumbers(name)['input:token_embeddings']!.data
    const same = integers.input_ids!.filter((id, place) => {
      const row = embeddings.subarray(place * width, (place + 1) * width)
      return table.row(id).every((value, index) => value === row[index])
    })
    // The fixture moves some embeddings away from the table, as learning does.
    assert.ok(same.length > 6 && same.length < integers.input_ids!.length, name)
  }
})

for (const name of chainNames) {
  test(`${name}: the loss of the network by the embeddings of tokens is PyTorch's`, async () => {
    const { unet, texts, states, integers, errorOfPyTorch } = readCase<Chain>(name)
    const numbers = readNumbers(name)
    const encoders = await Promise.all(
      texts.map(async (text, index) => {
        const { inputs, outputs, by } = readCase<Export>(text)
        const used = [states, ...(unet.includes('sdxl') && outputs.includes('text_embeds') ? ['text_embeds'] : [])]
        const feeds = {
          input_ids: { dims: inputs.input_ids!, data: Int32Array.from(integers[`input_ids ${index}`]!) },
          token_embeddings: numbers[`token_embeddings ${index}`]!,
        }
        const model = await opened(text, { inputDims: inputs, by, loss: { kind: 'cotangent', outputs: used } })
        return { model, feeds, used, values: await model.run(feeds) }
      }),
    )
    const { inputs, by } = readCase<Export>(unet)
    const network = await opened(unet, { inputDims: inputs, by, loss: { kind: 'weighted-mse', output: 'out_sample' } })
    try {
      const given = ['sample', 'timestep', 'time_ids'].flatMap((each) => {
        const value = numbers[`input:${each}`]
        return value ? [[each, value] as const] : []
      })
      const { outputs, loss, gradients } = await network.runWithGradient({
        ...Object.fromEntries(given),
        target: numbers.target!,
        weight: numbers.weight!,
        encoder_hidden_states: joined(encoders.map(({ values }) => values[states]!)),
        text_embeds: encoders.at(-1)!.values.text_embeds ?? tensor([0]),
      })
      const errors = [relativeError(outputs.out_sample!, numbers.output!), relativeError(loss!, numbers.loss!)]
      let start = 0
      for (const [index, { model, feeds, used, values }] of encoders.entries()) {
        const width = values[states]!.dims.at(-1)!
        const cotangents = { [states]: columns(gradients.encoder_hidden_states!, start, width), ...gradients }
        start += width
        const { gradients: found } = await model.runWithGradient({
          ...feeds,
          ...Object.fromEntries(used.map((each) => [`cotangent:${each}`, cotangents[each]!])),
        })
        errors.push(relativeError(found.token_embeddings!, numbers[`gradient ${index}`]!))
      }
      const [outputError, lossError, ...gradientErrors] = errors
      const gradientError = Math.max(...gradientErrors)
      const shownErrors = [outputError!, errorOfPyTorch.output, gradientError, errorOfPyTorch.gradient].map(shown)
      rows.push([name, '', '', 'fp32', '', '', ...shownErrors])
      assert.ok(Math.max(outputError!, lossError!) <= BARS.fp32, `output error ${outputError}, loss error ${lossError}`)
      assert.ok(gradientError <= BARS.fp32, `gradient error ${gradientError}`)
    } finally {
      await Promise.all([network, ...encoders.map(({ model }) => model)].map((each) => each.close()))
    }
  })
}

const opened = (name: string, options: Omit<DifferentiableOptions, 'graph' | 'name'>) =>
  openDifferentiable({
    graph: readModel(modelPath(name)),
    name,
    cutTokenEmbeddings: name.startsWith('text-'),
    ...options,
  })

/** Side by side along the last axis. */
function joined(parts: readonly Tensor[]): Tensor {
  const width = parts.reduce((sum, { dims }) => sum + dims.at(-1)!, 0)
  const result = tensor([...parts[0]!.dims.slice(0, -1), width])
  let start = 0
  for (const { dims, data } of parts) {
    const own = dims.at(-1)!
    for (const [index, value] of data.entries())
      result.data[Math.floor(index / own) * width + start + (index % own)] = value
    start += own
  }
  return result
}

function columns({ dims, data }: Tensor, start: number, width: number): Tensor {
  const all = dims.at(-1)!
  const kept = data.filter((_, index) => index % all >= start && index % all < start + width)
  return tensor([...dims.slice(0, -1), width], kept)
}
