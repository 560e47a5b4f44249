import type { DiffusionModel } from '../diffusion/model.ts'
import { type LearnedDifference, learnDifference, type PicturePair, solveAnalogy } from '../engine/analogy.ts'
import { type Applying, applyDifferences } from '../engine/apply.ts'
import { confidence, verdictOf } from '../engine/confidence.ts'
import { countEvaluations } from '../engine/evaluations.ts'
import { methods } from '../engine/modes.ts'
import { predictionOf } from '../engine/prediction.ts'
import type { RunContext } from '../engine/run-context.ts'
import { measureStep } from '../engine/step-benchmark.ts'
import { describeExact } from '../exact/describe.ts'
import type { ExactDifference } from '../exact/difference.ts'
import type { AnalogyJob, ApplyJob, BenchStepJob, Job, JobResult, LearnJob, Progress } from '../jobs/protocol.ts'
import type { ModelLayout } from '../networks/layout.ts'
import { type Sentence, sentence } from '../sentence.ts'
import { startClock } from './clock.ts'
import { encodeLearned, factsOf, readDifferences } from './differences.ts'
import { afterParts, doneExactly, encodeExact, exactOf, pairsLeft, readExact, restOf } from './exact.ts'
import { inspect } from './inspect.ts'
import type { JobContext } from './job-context.ts'
import { createModelCache, type ModelCacheOptions } from './model-cache.ts'
import { hardlyDifferent, missingNetworks } from './notices.ts'
import { lookForStrangers } from './outside.ts'
import { decode, decodePairs, noticesOf, picturesOf, pixelsOf, shownInputs } from './pictures.ts'
import { runContextOf, shown } from './show.ts'
import { strengthIn } from './strength.ts'
import { shownVariants } from './variants.ts'

interface PerformOptions {
  /** Checked between two runs of a network. */
  readonly signal: AbortSignal
  readonly onProgress: (progress: Progress) => void
}

interface Performer {
  /** One job at a time. @throws UserError if the person can do something about it; anything else is our own fault */
  readonly perform: (job: Job, options: PerformOptions) => Promise<JobResult>
}

/** Performs jobs. The last model stays in memory between them. */
export function createPerformer(options: ModelCacheOptions): Performer {
  const models = createModelCache(options)
  return {
    perform: async (job, { signal, onProgress }) => {
      const clock = startClock(onProgress)
      let device: string | undefined
      let looked: Promise<ModelLayout> | undefined
      const look = () => (looked ??= models.look(job.options.model))
      let evaluations = () => 0
      const load = async () => {
        const loaded = await clock.during('load', async () => models.load(await look()))
        device = loaded.device
        const counted = countEvaluations(loaded.model)
        evaluations = counted.evaluations
        return { ...loaded, ...counted, checker: job.options.requiresSafetyCheck ? loaded.checker : undefined }
      }
      const result = await resultOf(job, { clock, signal, look, load })
      const report = { ...result.report, device, evaluations: evaluations() || undefined }
      return result.withheld
        ? { withheld: true, report, notices: [] }
        : { ...result, ...(await shownInputs(job)), report }
    },
  }
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
      return inspect(job, context, (drawn) => apply(drawn, context))
    case 'bench-step':
      return benchStep(job, context)
  }
}

async function analogy(job: AnalogyJob, context: JobContext): Promise<JobResult> {
  const { options } = job
  const { side } = await context.look()
  const pictures = await decodePairs(job.pairs, side)
  const b = await decode(job.b, 'B', side)
  const given = { pictures, b, bytes: job.b }
  const notices = noticesOf([...pictures.flat(), b])
  const exact = await exactOf(job.pairs, options)
  if (exact?.isPart) {
    const rest = await restOf(exact, job)
    const left = rest && {
      pictures: await decodePairs(rest.pairs, side),
      b: await decode(rest.b, 'B', side),
      bytes: rest.b,
    }
    return learnedAnalogy(job, left ?? given, left && exact, notices, context)
  }
  const made = exact && (await doneExactly(exact, job.b, strengthIn({}, options), job, context))
  if (made && !job.isKept) {
    return {
      ...made,
      difference: encodeExact(exact),
      pictures: await picturesOf(job.pairs, []),
      notices,
    }
  }
  const learned = await learnedAnalogy(job, given, exact, notices, context)
  return made ? { ...learned, ...made, report: { ...learned.report, exact: made.report.exact } } : learned
}

interface Decoded {
  readonly pictures: Awaited<ReturnType<typeof decodePairs>>
  readonly b: Awaited<ReturnType<typeof decode>>
  /** Of B. */
  readonly bytes: Uint8Array
}

/**
 * @param decoded What is learned from and applied to: the job's pictures, or what a part that was done exactly left.
 * @param notices Of the job's pictures.
 */
async function learnedAnalogy(
  job: AnalogyJob,
  { pictures, b, bytes }: Decoded,
  exact: ExactDifference | undefined,
  notices: readonly Sentence[],
  context: JobContext,
): Promise<JobResult> {
  const { options } = job
  const { model, checker } = await context.load()
  const [{ a, a2 }] = pixelsOf(pictures) as [PicturePair]
  const unknown = await lookForStrangers(context, model, { A: a, 'A′': a2, B: b.pixels })
  const run = runContextOf(context, options, checker ? undefined : b)
  const given = { ...options, isBlended: undefined }
  const solved = await solveAnalogy(model, pixelsOf(pictures), b.pixels, methods[options.mode], given, run)
  const { learned, made } = solved
  const how = { prompt: made.caption, preserve: learned.preserve, isBlended: learned.isBlended }
  const making = {
    first: made,
    another: (run: RunContext) => applyDifferences(model, b.pixels, [learned], methods[options.mode], how, run),
    show: (one: Applying) => shown(one, b, bytes, checker),
  }
  return {
    ...(await shownVariants(making, options, context)),
    ...(await whatWasLearned(job, learned, model, exact)),
    report: {
      ...context.clock.report(model, options),
      ...factsOf(learned, job.pairs.length),
      ...unknown.report,
      caption: unknown.sure({ ...learned.captions, b: made.caption }),
      verdict: verdictOf(solved.confidence),
      ...(exact?.isPart && { part: describeExact(exact) }),
    },
    notices: [
      ...unknown.notices,
      ...notices,
      ...hardlyDifferent(pixelsOf(pictures)),
      ...missingNetworks(model, 'learn', options.prompt),
    ],
  }
}

async function learn(job: LearnJob, context: JobContext): Promise<JobResult> {
  const { options } = job
  const { side } = await context.look()
  // First of all, because a picture that can't be read is refused here.
  const given = await decodePairs(job.pairs, side)
  const exact = await exactOf(job.pairs, options)
  const left = exact?.isPart ? await pairsLeft(exact, job.pairs) : undefined
  const pictures = left ? await decodePairs(left, side) : given
  const { model } = await context.load()
  const [{ a, a2 }] = pixelsOf(pictures) as [PicturePair]
  const unknown = await lookForStrangers(context, model, { A: a, 'A′': a2 })
  const run = runContextOf(context, options)
  const learned = await learnDifference(model, pixelsOf(pictures), methods[options.mode], options, run)
  return {
    ...(await whatWasLearned(job, learned, model, exact)),
    report: {
      ...context.clock.report(model, options),
      ...factsOf(learned, job.pairs.length),
      ...unknown.report,
      caption: unknown.sure(learned.captions),
      verdict: verdictOf(confidence(learned)),
      ...(exact?.isPart && { part: describeExact(exact) }),
      ...(exact && !exact.isPart && { exact: describeExact(exact), strength: strengthIn({}, options) }),
    },
    notices: [
      ...unknown.notices,
      ...noticesOf(given.flat()),
      ...hardlyDifferent(pixelsOf(pictures)),
      ...missingNetworks(model, 'learn', ''),
    ],
  }
}

async function apply(job: ApplyJob, context: JobContext): Promise<JobResult> {
  const { options } = job
  const { side } = await context.look()
  const given = await decode(job.image, sentence('The image'), side)
  const bytes = await afterParts(job)
  const image = bytes === job.image ? given : await decode(bytes, 'B', side)
  const exact = readExact(job)
  const strength = strengthIn(job.differences[0]!, options)
  const exactly = exact && (await doneExactly(exact, job.image, strength, job, context))
  if (exactly) return { ...exactly, notices: given.notices }
  const { model, checker } = await context.load()
  const { applied, preserve, isBlended, notices } = readDifferences(job, model)
  const unknown = await lookForStrangers(context, model, { B: image.pixels })
  const how = { prompt: options.prompt, preserve, isBlended }
  const apply = (run: RunContext) => applyDifferences(model, image.pixels, applied, methods[options.mode], how, run)
  const made = await apply(runContextOf(context, options, checker ? undefined : image))
  const show = (one: Applying) => shown(one, image, bytes, checker)
  return {
    ...(await shownVariants({ first: made, another: apply, show }, options, context)),
    report: {
      ...context.clock.report(model, options),
      ...unknown.report,
      caption: unknown.sure({ b: made.caption }),
      strength: applied[0]!.strength,
      preserve,
    },
    notices: [...unknown.notices, ...given.notices, ...notices, ...missingNetworks(model, 'apply', options.prompt)],
  }
}

async function benchStep({ repeats, triesPrediction, options }: BenchStepJob, context: JobContext): Promise<JobResult> {
  const { model } = await context.load()
  const run = runContextOf(context, options)
  const measured = await measureStep(model, repeats, run)
  const { predictionType: declared } = model.schedule.config
  const predicts = triesPrediction && { declared, found: await predictionOf(model, run) }
  const bench = { ...measured, ...(predicts && { predicts }) }
  return { report: { ...context.clock.report(model, options), bench }, notices: [] }
}

/** The file and the pictures of what was learned. */
async function whatWasLearned(
  { pairs, options }: AnalogyJob | LearnJob,
  learned: LearnedDifference,
  model: DiffusionModel,
  exact?: ExactDifference,
): Promise<Pick<JobResult, 'difference' | 'pictures'>> {
  return {
    difference: encodeLearned(learned, model, options, exact),
    pictures: await picturesOf(pairs, learned.losses),
  }
}
