import { resolve } from 'node:path'
import packageJson from '../../package.json' with { type: 'json' }
import { applyDifferences, type LearnedDifference, learnDifference, type PicturePair } from '../engine/analogy.ts'
import { decodeDifference, encodeDifference, type Origin } from '../engine/difference.ts'
import { methods } from '../engine/modes.ts'
import type { Networks } from '../engine/networks.ts'
import type { Applied } from '../engine/sampler.ts'
import { readScheduleConfig, schedule } from '../engine/schedule.ts'
import { measureStep } from '../engine/step-benchmark.ts'
import { UserError } from '../errors.ts'
import { loadNetworks, readManifest } from '../networks/load.ts'
import { decodeImage, encodePng, identical, type Picture } from '../tensor/image.ts'
import { createRandom } from '../tensor/random.ts'
import { decodeSafetensors, encodeSafetensors } from '../tensor/safetensors.ts'
import type { ApplyJob, ImagePair, Job, JobOptions, JobResult, Progress, Report, Stage } from './protocol.ts'

export interface Handles {
  /** Looked at between two runs of a network. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
  /** Where gradient graphs are kept. */
  readonly cacheFolder?: string
}

/** @throws UserError when the person can do something about it; anything else is a fault of ours. */
export async function perform(job: Job, handles: Handles): Promise<JobResult> {
  const clock = startClock(handles)
  const { options } = job
  const method = methods[options.mode]
  const engine = { random: createRandom(options.seed), signal: handles.signal, onProgress: clock.progress }

  switch (job.kind) {
    case 'analogy': {
      const pictures = await decodePairs(job.pairs, options)
      const b = await decode(job.b, 'B', options)
      const networks = await clock.during('load', () => networksOf(options, handles))
      const learned = await learnDifference(networks, pairsOf(pictures), method, options, engine)
      const { strength, preserve } = learned
      const made = await applyDifferences(
        networks,
        b.pixels,
        [learned],
        method,
        { prompt: options.prompt, preserve },
        engine,
      )
      return {
        image: await encodePng(made.pixels, b),
        difference: fileOf(learned, networks, options),
        report: {
          ...clock.report(networks, options),
          ...factsOf(learned),
          caption: { ...learned.captions, b: made.caption },
          strength,
          preserve,
        },
        notices: noticesOf([...pictures.flat(), b]),
      }
    }
    case 'learn': {
      const pictures = await decodePairs(job.pairs, options)
      const networks = await clock.during('load', () => networksOf(options, handles))
      const learned = await learnDifference(networks, pairsOf(pictures), method, options, engine)
      return {
        difference: fileOf(learned, networks, options),
        report: { ...clock.report(networks, options), ...factsOf(learned) },
        notices: noticesOf(pictures.flat()),
      }
    }
    case 'apply': {
      const image = await decode(job.image, 'The image', options)
      const networks = await clock.during('load', () => networksOf(options, handles))
      const { applied, preserve, notices } = readDifferences(job, networks)
      const made = await applyDifferences(
        networks,
        image.pixels,
        applied,
        method,
        { prompt: options.prompt, preserve },
        engine,
      )
      return {
        image: await encodePng(made.pixels, image),
        report: {
          ...clock.report(networks, options),
          caption: { b: made.caption },
          strength: applied[0]!.strength,
          preserve,
        },
        notices: [...notices, ...image.notices],
      }
    }
    case 'bench-step': {
      const networks = await clock.during('load', () => networksOf(options, handles))
      const bench = await measureStep(networks, job.repeats, engine)
      return { report: { ...clock.report(networks, options), bench }, notices: [] }
    }
  }
}

// ---- Pictures ----

/** Fitted into the model's square, before the model is loaded: a picture that is refused is refused at once. */
async function decode(bytes: Uint8Array, name: string, options: JobOptions): Promise<Picture> {
  const { side } = await readManifest(folderOf(options))
  return decodeImage(bytes, { name, width: side, height: side })
}

async function decodePairs(pairs: readonly ImagePair[], options: JobOptions): Promise<[Picture, Picture][]> {
  const pictures: [Picture, Picture][] = []
  for (const [index, pair] of pairs.entries()) {
    const which = index === 0 ? '' : ` of pair ${index + 1}`
    const [a, a2] = [await decode(pair.a, `A${which}`, options), await decode(pair.a2, `A′${which}`, options)]
    if (identical(a.pixels, a2.pixels)) {
      throw new UserError(
        `A and A′${which} are the same picture: there is no difference to learn. Give two that differ.`,
      )
    }
    pictures.push([a, a2])
  }
  return pictures
}

const pairsOf = (pictures: readonly [Picture, Picture][]): PicturePair[] =>
  pictures.map(([a, a2]) => ({ a: a.pixels, a2: a2.pixels }))

const noticesOf = (pictures: readonly Picture[]) => pictures.flatMap(({ notices }) => notices)

// ---- Differences as files ----

function fileOf(learned: LearnedDifference, networks: Networks, options: JobOptions): Uint8Array {
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

/** Strength and `preserve`: what the person gave, else what was chosen when the first difference was learned, else 1. */
function readDifferences({ differences, options }: ApplyJob, networks: Networks) {
  const applied: Applied[] = []
  const notices: string[] = []
  let preserve = options.preserve
  for (const [index, { bytes, strength }] of differences.entries()) {
    const name = differences.length === 1 ? 'The difference' : `Difference ${index + 1}`
    const read = decodeDifference(decodeSafetensors(bytes, name), { name, model: networks })
    const { tokens, origin } = read.difference
    applied.push({ tokens, strength: strength ?? options.strength ?? origin?.strength ?? 1 })
    notices.push(...read.notices)
    preserve ??= origin?.preserve
  }
  return { applied, preserve: preserve ?? 1, notices }
}

// ---- Models ----

let loaded: { readonly folder: string; readonly networks: Networks } | undefined

/** The last model stays in memory. */
async function networksOf(options: JobOptions, { cacheFolder }: Handles): Promise<Networks> {
  const folder = folderOf(options)
  if (loaded?.folder === folder) return loaded.networks
  await loaded?.networks.close()
  loaded = undefined
  const networks = await loadNetworks({
    folder,
    learningBatch,
    cacheFolder,
    readSchedule: (config) => schedule(readScheduleConfig(config)),
  })
  loaded = { folder, networks }
  return networks
}

const folderOf = ({ model }: JobOptions) =>
  /[/\\]/.test(model) ? resolve(model) : resolve(import.meta.dirname, '../../models', model)

const learningBatch = 6

// ---- Figures ----

const factsOf = ({ losses, fit }: LearnedDifference): Partial<Report> => ({
  steps: losses.length,
  loss: { first: losses[0]!, last: losses.at(-1)! },
  fit,
})

/** Seconds spent in each stage, told from the progress itself. */
function startClock({ onProgress }: Handles) {
  const start = performance.now()
  const seconds: Partial<Record<Stage, number>> = {}
  let current: Stage = 'load'
  let since = start
  const enter = (stage: Stage) => {
    const now = performance.now()
    seconds[current] = (seconds[current] ?? 0) + (now - since) / 1000
    current = stage
    since = now
  }
  return {
    progress: (stage: Stage, step: number, of: number) => {
      if (stage !== current) enter(stage)
      onProgress({ stage, step, of })
    },
    during: async <Value>(stage: Stage, work: () => Promise<Value>): Promise<Value> => {
      onProgress({ stage, step: 0, of: 1 })
      const value = await work()
      enter('caption')
      return value
    },
    report: ({ name }: Networks, { mode, seed }: JobOptions): Report => {
      enter(current)
      const { load, invert, sample } = seconds
      const learn = sumOf(seconds.learn, seconds.try)
      return {
        model: name,
        mode,
        seed,
        seconds: { load, learn, invert, sample, total: (performance.now() - start) / 1000 },
        peakRssBytes: process.resourceUsage().maxRSS * 1024,
      }
    },
  }
}

const sumOf = (...parts: readonly (number | undefined)[]) =>
  parts.every((part) => part === undefined) ? undefined : parts.reduce<number>((sum, part) => sum + (part ?? 0), 0)
