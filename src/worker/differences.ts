import packageJson from '../../package.json' with { type: 'json' }
import type { DiffusionModel } from '../diffusion/model.ts'
import type { Applied } from '../diffusion/sampler.ts'
import type { LearnedDifference } from '../engine/analogy.ts'
import { confidence, verdictOf } from '../engine/confidence.ts'
import { decodeDifference, encodeDifference, type Origin } from '../engine/difference.ts'
import type { Said } from '../engine/naming.ts'
import type { ExactDifference } from '../exact/difference.ts'
import { exactToJson } from '../exact/json.ts'
import type { ApplyJob, JobOptions, Report } from '../jobs/protocol.ts'
import { type Sentence, sentence } from '../sentence.ts'
import { decodeSafetensors, encodeSafetensors } from '../tensor/safetensors.ts'
import { checkLearned } from './exact.ts'
import { leftOut } from './notices.ts'
import { FOREIGN, strengthIn } from './strength.ts'

/** The file of a difference that was learned here, as safetensors bytes. */
export function encodeLearned(
  learned: LearnedDifference,
  model: DiffusionModel,
  options: JobOptions,
  exact?: ExactDifference,
): Uint8Array {
  const origin: Origin = {
    version: packageJson.version,
    model: model.name,
    modelHash: model.hash,
    mode: options.mode,
    seed: options.seed,
    steps: learned.losses.length,
    strength: learned.strength,
    preserve: learned.preserve,
    isBlended: learned.isBlended,
    fit: learned.fit,
    name: learned.name,
    captions: learned.captions,
    loss: learned.losses,
  }
  return encodeSafetensors(
    encodeDifference({
      tokens: learned.tokens,
      tokenNames: model.tokenNames,
      origin,
      ...(exact && { exact: exactToJson(exact) }),
    }),
  )
}

/** Strength and `preserve`: what the person gave, else what was chosen when the first difference was learned. */
export function readDifferences({ differences, options }: ApplyJob, model: DiffusionModel) {
  const applied: (Applied & Said)[] = []
  const notices: Sentence[] = []
  let preserve = options.preserve
  let isBlended: boolean | undefined
  for (const [index, one] of differences.entries()) {
    const name =
      differences.length === 1 ? sentence('The difference') : sentence('Difference {number}', { number: index + 1 })
    const content = decodeSafetensors(one.bytes, name)
    checkLearned(content, name)
    const difference = decodeDifference(content, { name, model })
    const { tokens, origin } = difference
    const { name: said, captions } = origin ?? {}
    applied.push({ tokens, strength: strengthIn(one, options, origin), name: said, captions })
    preserve ??= origin?.preserve
    isBlended ??= origin?.isBlended
    notices.push(...leftOut(name, difference, model))
  }
  return { applied, preserve: preserve ?? FOREIGN.preserve, isBlended: isBlended ?? FOREIGN.isBlended, notices }
}

/** The report's facts about a difference that was just learned from `pairs` pairs. */
export function factsOf(learned: LearnedDifference, pairs: number) {
  const { losses, captions: caption, fit, name, strength, preserve } = learned
  const loss = { first: losses[0]!, last: losses.at(-1)! }
  return { steps: losses.length, pairs, loss, fit, caption, name, strength, preserve } satisfies Partial<Report>
}

/** The report's facts about a difference in a file. */
export function factsOfOrigin(origin: Origin): Partial<Report> {
  const { captions: caption, loss, isBlended, ...facts } = origin
  const { fit } = facts
  return {
    ...facts,
    caption,
    verdict: fit === undefined ? undefined : verdictOf(confidence({ fit })),
    ...(loss?.length && { loss: { first: loss[0]!, last: loss.at(-1)! } }),
  }
}
