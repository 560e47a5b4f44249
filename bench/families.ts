/**
 * Every family of models that is known here, in the forms that people have: `npx node bench/families.ts [NAME]...`
 *
 * Small random members of each (test/fixtures/pipelines), against what diffusers computes with the same weights.
 */
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { denoiserPath, readIndex } from '../src/networks/folder.ts'
import type { Graph } from '../src/onnx/graph.ts'
import { readModel } from '../src/onnx/proto.ts'
import {
  conditioningErrors,
  encodingError,
  learningErrors,
  lossOverSteps,
  openCase,
  pipelinesFolder,
  samplingErrors,
} from '../test/networks/pipeline-case.ts'

const STEPS = 30

const asked = process.argv.slice(2)
const files = await readdir(pipelinesFolder)
const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length))

console.log(
  `| folder | pipeline | predicts | exporter | opset | weights | sizes | nodes | loads | samples: latents | picture | learns: gradient | (PyTorch) | loss over ${STEPS} steps | exports: conditioning |`,
)
console.log(`|${'---|'.repeat(15)}`)
for (const name of names.sort()) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const opened = await openCase(name)
  const { networks, known } = opened
  const sampling = await samplingErrors(opened)
  const picture = Math.max(sampling.decoded, await encodingError(opened))
  const { gradients } = await learningErrors(opened)
  const { first, last } = await lossOverSteps(opened, STEPS)
  const conditioning = await conditioningErrors(opened)
  await networks.close()
  const cells = [
    ...[name, await kindOf(name), networks.schedule.config.predictionType, ...formOf(await graphOf(name))],
    ...['yes', error(sampling.latents), error(picture), error(...gradients), error(known.errorOfPyTorch)],
    ...[`${short(first)} → ${short(last)}`, error(...conditioning)],
  ]
  console.log(`| ${cells.join(' | ')} |`)
}

async function kindOf(name: string): Promise<string> {
  const { _class_name: kind = '?' } = await readIndex(join(pipelinesFolder, name))
  return kind.replace('Pipeline', '')
}

async function graphOf(name: string): Promise<Graph> {
  return readModel(denoiserPath(join(pipelinesFolder, name)))
}

/** Exporter, opset, numbers, sizes and nodes, as its graph shows them. */
function formOf({ nodes, opsets, constants, inputs }: Graph): string[] {
  const isLegacy = nodes.some((node) => node.name.startsWith('/'))
  const types = new Set([...constants.values()].map(({ type }) => type))
  const { dims = [] } = inputs.find(({ name }) => ['sample', 'hidden_states'].includes(name)) ?? {}
  const [batch, height] = [dims[0], dims[2]].map((dim) => typeof dim === 'string')
  return [
    isLegacy ? 'TorchScript' : 'dynamo',
    String(opsets.get('')),
    types.has('float16') ? 'fp16' : 'fp32',
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
