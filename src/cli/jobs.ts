import { UserError } from '../errors.ts'
import { findMissing, findModel, isUnfetched, type Model, unfetched } from '../hub/catalog.ts'
import type { Pulled } from '../hub/pull.ts'
import type { ApplyJob, ImagePair, Job, JobOptions, JobResult } from '../jobs/protocol.ts'
import { english } from '../sentence.ts'
import type { Arguments } from './arguments.ts'
import { parseNumber } from './arguments.ts'
import { checkOutput, readInput, writeOutputs } from './files.ts'
import { benchJson, benchText, jsonReport, textReport } from './report.ts'

export interface Surroundings {
  /** The folder in which models are looked up by name. */
  readonly modelsFolder: string
  readonly runJob: (job: Job) => Promise<JobResult>
  readonly pull: (model: Model) => Promise<Pulled>
  /** Runs a script of `bench/`. @returns What it writes to standard output */
  readonly runScript: (script: string, args: readonly string[]) => Promise<string>
  /** Writes a manifest for a model on the hub, by its address. */
  readonly add: (address: string) => Promise<Model>
  /** Tells the person something besides the result. */
  readonly tell: (sentence: string) => void
}

/** @returns What goes to standard output. */
export type CommandLine = (given: Arguments, surroundings: Surroundings) => Promise<string>

const STRENGTH = { from: -100, to: 100 }

export const analogy: CommandLine = async (given, surroundings) => {
  const out = await checkOutput(given.text('out')!, '--out', '.png')
  const save = given.text('save') && (await checkOutput(given.text('save')!, '--save', '.safetensors'))
  const options = readOptions(given)
  const example = { a: await picture(given.text('a')!, '--a'), a2: await picture(given.text('a2')!, '--a2') }
  const pairs = [example, ...(await readPairs(given))]
  const b = await picture(given.text('b')!, '--b')
  const { image, difference, report } = await run(
    { kind: 'analogy', pairs, b, isKept: save ? true : undefined, options },
    surroundings,
  )
  const outputs = [{ path: out, bytes: image! }]
  if (save) outputs.push({ path: save, bytes: difference! })
  await writeOutputs(outputs)
  return given.has('json') ? jsonReport(report, out) : textReport(report, out)
}

export const learn: CommandLine = async (given, surroundings) => {
  const out = await checkOutput(given.text('out')!, '--out', '.safetensors')
  const options = readOptions(given)
  const { difference, report } = await run({ kind: 'learn', pairs: await readPairs(given), options }, surroundings)
  await writeOutputs([{ path: out, bytes: difference! }])
  return given.has('json') ? jsonReport(report, out) : textReport(report, out)
}

export const apply: CommandLine = async (given, surroundings) => {
  const out = await checkOutput(given.text('out')!, '--out', '.png')
  const options = readOptions(given)
  const differences: ApplyJob['differences'][number][] = []
  for (const [value] of given.all('diff')) {
    const { path, strength } = splitStrength(value!)
    differences.push({ bytes: await readInput(path, '--diff', 'difference'), strength })
  }
  const image = await picture(given.text('image')!, '--image')
  const result = await run({ kind: 'apply', differences, image, options }, surroundings)
  await writeOutputs([{ path: out, bytes: result.image! }])
  return given.has('json') ? jsonReport(result.report, out) : textReport(result.report, out)
}

export const benchStep: CommandLine = async (given, surroundings) => {
  const repeats = given.number('repeats', { from: 1, to: 1000, whole: true }) ?? 10
  const options = readOptions(given)
  const { report } = await run({ kind: 'bench-step', repeats, options }, surroundings)
  return given.has('json') ? benchJson(report, repeats) : benchText(report, repeats)
}

/** Runs a job on a model that is whole. */
export async function run(job: Job, { modelsFolder, runJob, tell }: Surroundings): Promise<JobResult> {
  const model = await findModel(job.options.model, modelsFolder)
  if (await isUnfetched(model)) throw unfetched(model)
  const [fault] = await findMissing(model)
  if (fault) throw new UserError(`The model “${model.name}” is not whole: ${fault}; download it again.`)
  const result = await runJob(job)
  for (const notice of result.notices) tell(english(notice))
  return result
}

export function readOptions(given: Arguments): JobOptions {
  const mode = given.text('mode') ?? 'fast'
  if (mode !== 'fast' && mode !== 'parity') {
    throw new UserError(`Expected \`--mode\` to be \`fast\` or \`parity\`, got \`${mode}\`.`)
  }
  return {
    model: given.text('model') ?? 'emoji',
    mode,
    seed: given.number('seed', { from: 0, to: 2 ** 32 - 1, whole: true }) ?? 0,
    steps: given.number('steps', { from: 1, to: 100_000, whole: true }),
    strength: given.number('strength', STRENGTH),
    preserve: given.number('preserve', { from: 0, to: 1 }),
    isLearned: given.has('learned') || undefined,
    prompt: given.text('prompt'),
  }
}

async function readPairs(given: Arguments): Promise<ImagePair[]> {
  const pairs: ImagePair[] = []
  for (const [a, a2] of given.all('pair')) {
    pairs.push({ a: await picture(a!, '--pair'), a2: await picture(a2!, '--pair') })
  }
  return pairs
}

const picture = (path: string, option: string) => readInput(path, option, 'picture')

/** `FILE[:strength]`; a colon that belongs to the file's name is followed by its ending. */
function splitStrength(value: string): { readonly path: string; readonly strength?: number } {
  const [, path, strength] = /^(.+):([^:/\\]*)$/.exec(value) ?? []
  if (path === undefined || strength!.endsWith('.safetensors')) return { path: value }
  return { path, strength: parseNumber(strength!, `the strength in \`--diff ${value}\``, STRENGTH) }
}
