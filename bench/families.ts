/**
 * Every supported family of models, in the forms that people have: `npx node bench/families.ts [NAME]...`
 *
 * Compares small random members of each (test/fixtures/pipelines and few-steps) with what diffusers computes from the
 * same weights.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readLayout } from '../src/networks/layout.ts'
import type { Graph } from '../src/onnx/graph.ts'
import { checkpointNumbers, checkpointsFolder, openCheckpoint, predictionOf } from '../test/networks/checkpoint-case.ts'
import { fewStepsError, fewStepsFolder, fewStepsGradientErrors, openFewSteps } from '../test/networks/few-steps-case.ts'
import {
  conditioningErrors,
  encodingError,
  learningErrors,
  lossOverSteps,
  openCase,
  type PipelineCase,
  pipelinesFolder,
  samplingErrors,
} from '../test/networks/pipeline-case.ts'

const STEPS = 30

const asked = process.argv.slice(2)
const isAsked = (name: string) => asked.length === 0 || asked.includes(name)
const scratch = await mkdtemp(join(tmpdir(), 'isto-families-'))

console.log(
  `| folder | pipeline | predicts | exporter | opset | weights | sizes | nodes | loads | samples: latents | picture | learns: gradient | (PyTorch) | loss over ${STEPS} steps | exports: conditioning |`,
)
console.log(`|${'---|'.repeat(15)}`)
for (const name of (await namesIn(pipelinesFolder)).filter(isAsked)) {
  const opened = await openCase(name)
  const { latents, decoded } = await samplingErrors(opened)
  const { gradients } = await learningErrors(opened)
  const { errorOfPyTorch } = opened.known
  await printRow(name, join(pipelinesFolder, name), opened, { latents, decoded, gradients, errorOfPyTorch })
}
for (const name of Object.keys(checkpointNumbers).filter(isAsked)) {
  const opened = await openCheckpoint(name, scratch)
  const { latents, decoded } = await samplingErrors(opened)
  const { gradients } = await learningErrors(opened)
  const { errorOfPyTorch } = opened.known
  await printRow(name, opened.folder, opened, { latents, decoded, gradients, errorOfPyTorch })
}
for (const name of (await namesIn(fewStepsFolder)).filter(isAsked)) {
  const opened = await openFewSteps(name, join(scratch, name))
  const latents = await fewStepsError(opened)
  const gradients = await fewStepsGradientErrors(opened)
  await printRow(name, join(scratch, name), opened, { latents, decoded: 0, gradients })
}
for (const name of (await namesIn(fewStepsFolder)).filter(isAsked)) {
  const folder = join(scratch, `${name}-checkpoint`)
  const opened = await openFewSteps(name, folder, (over) => [
    join(checkpointsFolder, over),
    join(checkpointsFolder, name),
  ])
  const latents = await fewStepsError(opened)
  const gradients = await fewStepsGradientErrors(opened)
  await printRow(name, folder, opened, { latents, decoded: 0, gradients })
}
await rm(scratch, { recursive: true })

interface Errors {
  readonly latents: number
  readonly decoded: number
  readonly gradients: readonly number[]
  readonly errorOfPyTorch?: number
}

async function printRow(
  name: string,
  folder: string,
  opened: PipelineCase,
  { latents, decoded, gradients, errorOfPyTorch }: Errors,
) {
  const { model } = opened
  const picture = Math.max(decoded, await encodingError(opened))
  const { first, last } = await lossOverSteps(opened, STEPS)
  const conditioning = await conditioningErrors(opened)
  await model.close()
  const layout = await readLayout({ path: folder, loras: [], prediction: predictionOf(name) })
  const { _class_name: kind = '?' } = layout.index
  const cells = [
    name,
    kind.replace('Pipeline', ''),
    model.schedule.config.predictionType,
    ...formOf(layout.graph('denoiser')),
    'yes',
    error(latents),
    error(picture),
    error(...gradients),
    errorOfPyTorch === undefined ? '' : error(errorOfPyTorch),
    `${short(first)} → ${short(last)}`,
    error(...conditioning),
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

async function namesIn(folder: string): Promise<string[]> {
  const files = (await readdir(folder)).filter((file) => file.endsWith('.json'))
  return files.map((file) => file.slice(0, -'.json'.length)).sort()
}

/** Exporter, opset, number format, sizes and nodes, as the graph shows them. */
function formOf({ nodes, opsets, constants, inputs }: Graph): string[] {
  const isLegacy = nodes.some((node) => node.name.startsWith('/'))
  const types = new Set([...constants.values()].map(({ type, storedAs }) => storedAs ?? type))
  const { dims = [] } = inputs.find(({ name }) => ['sample', 'hidden_states'].includes(name)) ?? {}
  const [batch, height] = [dims[0], dims.at(dims.length === 3 ? 1 : 2)].map((dim) => typeof dim === 'string')
  return [
    nodes.some(({ name }) => /^Gemm_\d+$/.test(name)) ? 'none' : isLegacy ? 'TorchScript' : 'dynamo',
    String(opsets.get('')),
    types.has('bfloat16') ? 'bf16' : types.has('float16') ? 'fp16' : 'fp32',
    height ? 'open' : batch ? 'open batch' : 'fixed',
    String(nodes.length),
  ]
}

function error(...values: number[]): string {
  return Math.max(...values).toExponential(1)
}

function short(value: number): string {
  return value.toPrecision(3)
}
