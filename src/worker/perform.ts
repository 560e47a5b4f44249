import { resolve } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { cpu, type Hardware } from '../compute/hardware.ts'
import type { DiffusionModel } from '../diffusion/model.ts'
import type { Applied } from '../diffusion/sampler.ts'
import { readScheduleConfig, schedule } from '../diffusion/schedule.ts'
import { applyDifferences, type LearnedDifference, learnDifference, type RunContext } from '../engine/analogy.ts'
import { type Difference, decodeDifference, encodeDifference, type Origin } from '../engine/difference.ts'
import { methods } from '../engine/modes.ts'
import { measureStep } from '../engine/step-benchmark.ts'
import { encodePng, type Picture } from '../image/image.ts'
import type {
  AnalogyJob,
  ApplyJob,
  BenchStepJob,
  InspectJob,
  Job,
  JobOptions,
  JobResult,
  LearnJob,
  Progress,
  Report,
} from '../jobs/protocol.ts'
import { sideOf } from '../networks/layout.ts'
import { loadModel } from '../networks/load.ts'
import { openSafetyChecker, type SafetyChecker } from '../networks/vision/safety-checker.ts'
import { createRandom } from '../tensor/random.ts'
import { decodeSafetensors, encodeSafetensors } from '../tensor/safetensors.ts'
import type { Tensor } from '../tensor/tensor.ts'
import { type Clock, startClock } from './clock.ts'
import { curveOf, decode, decodePairs, noticesOf, picturesOf, pixelsOf } from './pictures.ts'
import { createPreviews } from './previews.ts'

export interface PerformOptions {
  /** Looked at between two runs of a network. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
  /** Where gradient graphs are kept. */
  readonly cacheFolder?: string
  /** What models are computed on, asked for when one is loaded. @default the CPU */
  readonly hardware?: () => Promise<Hardware>
}

/** @throws UserError when the person can do something about it; anything else is a fault of ours. */
export async function perform(job: Job, performOptions: PerformOptions): Promise<JobResult> {
  const clock = startClock(performOptions.onProgress)
  const context: JobContext = {
    clock,
    signal: performOptions.signal,
    model: () => clock.during('load', () => modelOf(job.options, performOptions)),
  }
  const result = await resultOf(job, context)
  const report = { ...result.report, device: loaded?.device }
  return result.withheld ? { withheld: true, report, notices: [] } : { ...result, report }
}

function resultOf(job: Job, context: JobContext): Promise<JobResult> {
  switch (job.kind) {
    case 'analogy':
      return analogy(job, context)
    case 'learn':
      return learn(job, context)
    case 'apply':
      return apply(job, context)
    case 'inspect':
      return inspect(job, context)
    case 'bench-step':
      return benchStep(job, context)
  }
}

interface JobContext {
  readonly clock: Clock
  readonly signal: AbortSignal
  /** Asked for when the pictures are read: one that is refused is refused at once. */
  readonly model: () => Promise<Model>
}

interface Model {
  readonly networks: DiffusionModel
  /** Where anyone may see B′, and the model came with one. */
  readonly checker?: SafetyChecker
}

async function analogy(job: AnalogyJob, context: JobContext): Promise<JobResult> {
  const { options } = job
  const side = await sideOf(folderOf(options))
  const pictures = await decodePairs(job.pairs, side)
  const b = await decode(job.b, 'B', side)
  const { networks, checker } = await context.model()
  const engine = runContextOf(context, options, checker ? undefined : b)
  const method = methods[options.mode]
  const learned = await learnDifference(networks, pixelsOf(pictures), method, options, engine)
  const { strength, preserve } = learned
  const how = { prompt: options.prompt, preserve }
  const made = await applyDifferences(networks, b.pixels, [learned], method, how, engine)
  return {
    ...(await shown(made.pixels, b, checker)),
    ...(await whatWasLearned(job, learned, networks)),
    report: {
      ...context.clock.report(networks, options),
      ...factsOf(learned, job),
      caption: { ...learned.captions, b: made.caption },
      strength,
      preserve,
    },
    notices: [...noticesOf([...pictures.flat(), b]), ...missingNetworks(networks, 'learn', options.prompt)],
  }
}

async function learn(job: LearnJob, context: JobContext): Promise<JobResult> {
  const { options } = job
  const pictures = await decodePairs(job.pairs, await sideOf(folderOf(options)))
  const { networks } = await context.model()
  const engine = runContextOf(context, options)
  const learned = await learnDifference(networks, pixelsOf(pictures), methods[options.mode], options, engine)
  const { captions: caption, strength, preserve } = learned
  return {
    ...(await whatWasLearned(job, learned, networks)),
    report: { ...context.clock.report(networks, options), ...factsOf(learned, job), caption, strength, preserve },
    notices: [...noticesOf(pictures.flat()), ...missingNetworks(networks, 'learn', '')],
  }
}

async function apply(job: ApplyJob, context: JobContext): Promise<JobResult> {
  const { options } = job
  const image = await decode(job.image, 'The image', await sideOf(folderOf(options)))
  const { networks, checker } = await context.model()
  const { applied, preserve, notices } = readDifferences(job, networks)
  const how = { prompt: options.prompt, preserve }
  const engine = runContextOf(context, options, checker ? undefined : image)
  const made = await applyDifferences(networks, image.pixels, applied, methods[options.mode], how, engine)
  return {
    ...(await shown(made.pixels, image, checker)),
    report: {
      ...context.clock.report(networks, options),
      caption: { b: made.caption },
      strength: applied[0]!.strength,
      preserve,
    },
    notices: [...image.notices, ...notices, ...missingNetworks(networks, 'apply', options.prompt)],
  }
}

/** What the file says of itself; where it says nothing, it is taken for one that fits the model. */
async function inspect({ bytes, options }: InspectJob, context: JobContext): Promise<JobResult> {
  const name = 'The file'
  const content = decodeSafetensors(bytes, name)
  const { networks } = await context.model()
  const difference = decodeDifference(content, { name, model: networks })
  const { origin } = difference
  const loss = await curveOf(origin?.loss, origin?.steps)
  return {
    difference: encodeSafetensors(encodeDifference(difference)),
    ...(loss && { pictures: { loss } }),
    report: { ...context.clock.report(networks, options), ...(origin && factsOfOrigin(origin)) },
    notices: leftOut(name, difference, networks),
  }
}

async function benchStep({ repeats, options }: BenchStepJob, context: JobContext): Promise<JobResult> {
  const { networks } = await context.model()
  const bench = await measureStep(networks, repeats, runContextOf(context, options))
  return { report: { ...context.clock.report(networks, options), bench }, notices: [] }
}

/** B′, unless it is withheld: the one door that every picture goes through. */
async function shown(
  pixels: Tensor,
  b: Picture,
  checker?: SafetyChecker,
): Promise<Pick<JobResult, 'image' | 'withheld'>> {
  if (checker && !(await checker.isSafe(pixels))) return { withheld: true }
  return { image: await encodePng(pixels, b) }
}

/** @param b Whose change is shown as it forms, where nothing has to be withheld. */
function runContextOf({ clock, signal }: JobContext, { seed }: JobOptions, b?: Picture) {
  const previews = createPreviews(clock.elapsedMilliseconds)
  const onProgress: EngineProgress = (stage, step, of, picture) => {
    if (!b || !picture || !previews.isDue(step, of)) return clock.progress({ stage, step, of })
    return previews.draw(picture, b).then((preview) => clock.progress({ stage, step, of, preview }))
  }
  return { random: createRandom(seed), signal, onProgress }
}

type EngineProgress = NonNullable<RunContext['onProgress']>

// ---- Differences as files ----

async function whatWasLearned(
  { pairs, options }: AnalogyJob | LearnJob,
  learned: LearnedDifference,
  networks: DiffusionModel,
) {
  return {
    difference: fileOf(learned, networks, options),
    pictures: await picturesOf(pairs, learned.losses),
  }
}

function fileOf(learned: LearnedDifference, networks: DiffusionModel, options: JobOptions): Uint8Array {
  const origin: Origin = {
    version: packageJson.version,
    model: networks.name,
    modelHash: networks.hash,
    mode: options.mode,
    seed: options.seed,
    steps: learned.losses.length,
    strength: learned.strength,
    preserve: learned.preserve,
    fit: learned.fit,
    captions: learned.captions,
    loss: learned.losses,
  }
  return encodeSafetensors(encodeDifference({ tokens: learned.tokens, origin }))
}

/** Strength and `preserve`: what the person gave, else what was chosen when the first difference was learned. */
function readDifferences({ differences, options }: ApplyJob, networks: DiffusionModel) {
  const applied: Applied[] = []
  const notices: string[] = []
  let preserve = options.preserve
  for (const [index, { bytes, strength }] of differences.entries()) {
    const name = differences.length === 1 ? 'The difference' : `Difference ${index + 1}`
    const difference = decodeDifference(decodeSafetensors(bytes, name), { name, model: networks })
    const { tokens, origin } = difference
    applied.push({ tokens, strength: strength ?? options.strength ?? origin?.strength ?? FOREIGN.strength })
    preserve ??= origin?.preserve
    notices.push(...leftOut(name, difference, networks))
  }
  return { applied, preserve: preserve ?? FOREIGN.preserve, notices }
}

/** How a textual inversion made elsewhere is applied, of which nothing is known: halfway, as most that are learned here. */
const FOREIGN = { strength: 1, preserve: 0.5 }

function leftOut(file: string, { ignored = [] }: Difference, { name }: DiffusionModel): string[] {
  return ignored.map(
    (each) =>
      `${file} also holds tokens for a text encoder that the model “${name}” does not have (${each}): they are left out.`,
  )
}

// ---- Models ----

let loaded: (Model & { readonly folder: string; readonly device: Hardware['device'] }) | undefined

/** The last model stays in memory. */
async function modelOf(options: JobOptions, performOptions: PerformOptions): Promise<Model> {
  const folder = folderOf(options)
  const { networks, checker } = loaded?.folder === folder ? loaded : await load(folder, performOptions)
  return { networks, checker: options.requiresSafetyCheck ? checker : undefined }
}

async function load(folder: string, { cacheFolder, hardware = async () => cpu }: PerformOptions): Promise<Model> {
  await Promise.all([loaded?.networks.close(), loaded?.checker?.close()])
  loaded = undefined
  const found = await hardware()
  const networks = await loadModel({
    folder,
    hardware: found,
    learningBatch,
    cacheFolder,
    readSchedule: (config, imageTokens) => schedule(readScheduleConfig(config, imageTokens)),
  })
  loaded = { folder, networks, checker: await openSafetyChecker(folder), device: found.device }
  return loaded
}

const folderOf = ({ model }: JobOptions) =>
  /[/\\]/.test(model) ? resolve(model) : resolve(import.meta.dirname, '../../models', model)

const learningBatch = 6

/** What is done without by a model that came without a captioner or CLIP’s joint space, in sentences. */
function missingNetworks({ name, caption, joint }: DiffusionModel, does: 'learn' | 'apply', prompt?: string): string[] {
  const sentences: string[] = []
  if (!caption && does === 'learn') {
    const nor = joint ? '' : ' and no image encoder'
    const clip = joint ? '' : ', and without the CLIP loss'
    sentences.push(
      `The model “${name}” comes with no captioner${nor}: the difference was learned from the pictures alone, without captions${clip}.`,
    )
  }
  if (caption && !joint && does === 'learn') {
    sentences.push(
      `The model “${name}” comes without CLIP’s encoders: the difference was learned without the CLIP loss.`,
    )
  }
  if (!caption && prompt === undefined) {
    sentences.push(
      `The model “${name}” cannot tell what the picture to change shows: say it in your own words, and the result will keep more of it.`,
    )
  }
  return sentences
}

// ---- Figures ----

const factsOf = ({ losses, fit }: LearnedDifference, { pairs }: AnalogyJob | LearnJob): Partial<Report> => ({
  steps: losses.length,
  pairs: pairs.length,
  loss: { first: losses[0]!, last: losses.at(-1)! },
  fit,
})

const factsOfOrigin = (origin: Origin): Partial<Report> => {
  const { model, modelHash, mode, seed, steps, strength, preserve, fit, captions, loss } = origin
  return {
    ...{ model, modelHash, mode, seed, steps, strength, preserve, fit, caption: captions },
    ...(loss?.length && { loss: { first: loss[0]!, last: loss.at(-1)! } }),
  }
}
