/**
 * Every supported family of models, in the forms that people have: `npx node bench/families.ts [NAME]...`
 *
 * Compares small random members of each (test/fixtures/pipelines and few-steps) with what diffusers computes from the
 * same weights.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { differenceGuidance, sample } from '../src/diffusion/sampler.ts'
import { readLayout } from '../src/networks/layout.ts'
import type { Graph } from '../src/onnx/graph.ts'
import {
  checkpointNumbers,
  checkpointsFolder,
  hasLoras,
  isOneFile,
  loraNames,
  openCheckpoint,
  openWithLora,
  predictionOf,
} from '../test/networks/checkpoint-case.ts'
import { type Form, forms, inForm } from '../test/networks/checkpoint-forms.ts'
import { fewStepsError, fewStepsFolder, fewStepsGradientErrors, openFewSteps } from '../test/networks/few-steps-case.ts'
import {
  conditioningErrors,
  encodingError,
  learningErrors,
  learningStep,
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
console.log(
  `\nThe same weights in other forms, against those in float32 and one piece, and with a LoRA against merged weights:\n\n| checkpoint | form | latents | gradient | conditioning |\n|${'---|'.repeat(5)}`,
)
for (const name of ['sd15', 'sd21', 'sdxl', 'sd3', 'flux', ...Object.keys(checkpointNumbers).filter(isOneFile)]) {
  const possible = forms.filter((form) => !isOneFile(name) || !['sharded', 'variant'].includes(form))
  for (const form of possible.filter(() => isAsked(name))) await printForm(name, form)
}
await rm(scratch, { recursive: true })

async function printForm(name: string, form: Form) {
  if (form === 'LoRA' && hasLoras(name)) return printLoras(name)
  const { made, beside } = await inForm(name, form, scratch)
  const { noise, ...numbers } = beside.numbers
  const guidance = await differenceGuidance(beside.model, beside.known.prompt, [], beside.known.guidanceScale)
  const [latents] = await sample(beside.model, [{ latents: noise!, guidance }], { steps: beside.known.steps })
  const { gradient, prompt } = await learningStep(beside, beside.tokens)
  const expected = {
    ...numbers,
    ...{ noise: noise!, latents: latents!, hidden_states: prompt.hiddenStates },
    ...(prompt.pooled && { pooled: prompt.pooled }),
    ...Object.fromEntries(gradient.map((value, encoder) => [`gradient ${encoder}`, value])),
  }
  const of = { ...made, numbers: expected }
  console.log(`| ${[name, form, ...(await errorsOf(of))].join(' | ')} |`)
  await Promise.all([made.model.close(), beside.model.close()])
}

/** Of every linear layer, against PyTorch in float64. */
async function printLoras(name: string) {
  for (const names of loraNames) {
    const opened = await openWithLora(name, names, scratch)
    console.log(`| ${[name, `LoRA, ${names}’s names`, ...(await errorsOf(opened))].join(' | ')} |`)
    await opened.model.close()
  }
}

async function errorsOf(of: PipelineCase): Promise<string[]> {
  return [
    error((await samplingErrors(of)).latents),
    error(...(await learningErrors(of)).gradients),
    error(...(await conditioningErrors(of))),
  ]
}

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
