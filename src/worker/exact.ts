import { EXACT, type FileContent } from '../engine/difference.ts'
import { UserError } from '../errors.ts'
import { applyExact } from '../exact/apply.ts'
import { describeExact } from '../exact/describe.ts'
import type { ExactDifference } from '../exact/difference.ts'
import { fitExact, isExact, isPart } from '../exact/fit.ts'
import { exactFromJson, exactToJson } from '../exact/json.ts'
import { fromBytes, type Raster, toBytes } from '../exact/raster.ts'
import { decodeRgba } from '../image/decode.ts'
import { encodeRgba } from '../image/encode.ts'
import { LEAST_OUTPUT } from '../image/picture.ts'
import type { AnalogyJob, ApplyJob, ImagePair, JobOptions, JobResult } from '../jobs/protocol.ts'
import { identityOf } from '../networks/identity.ts'
import { hasSafetyChecker } from '../networks/vision/safety-checker.ts'
import { type Sentence, sentence } from '../sentence.ts'
import { decodeSafetensors, encodeSafetensors } from '../tensor/safetensors.ts'
import type { JobContext } from './job-context.ts'
import { decode } from './pictures.ts'
import { strengthIn } from './strength.ts'

/** A pair is looked at in this size (longest side, pixels). */
const SMALL = 128
/** B keeps its own resolution up to this one, and from `LEAST_OUTPUT` on. */
const LARGEST = 2048

/** What turns A into A′ without a network, or a part of the way: of one pair, unless all of it is to be learned. */
export async function exactOf(
  pairs: readonly ImagePair[],
  { mode, isLearned }: JobOptions,
): Promise<ExactDifference | undefined> {
  const [pair, ...more] = pairs
  if (!pair || more.length > 0 || mode !== 'fast' || isLearned) return undefined
  const fit = fitExact(await read(pair.a, SMALL), await read(pair.a2, SMALL))
  // As a file keeps it, so that it gives the same picture again.
  const kept = (difference: ExactDifference) => exactFromJson(exactToJson(difference))
  if (isExact(fit)) return kept(fit.difference)
  return isPart(fit) ? kept({ ...fit.difference, isPart: true }) : undefined
}

/** B′ of B's own pixels, and what was done; nothing if B lacks what that takes. Checked like every other picture. */
export async function doneExactly(
  exact: ExactDifference,
  b: Uint8Array,
  strength: number,
  { options }: AnalogyJob | ApplyJob,
  { clock, look, load }: JobContext,
): Promise<Pick<JobResult, 'image' | 'withheld' | 'report'> | undefined> {
  const image = await makeExactly(exact, b, strength)
  if (!image) return undefined
  const layout = await look()
  const report = { ...clock.report(identityOf(layout), options), exact: describeExact(exact), strength }
  if (options.requiresSafetyCheck && hasSafetyChecker(layout.path)) {
    const { checker } = await load()
    const { pixels } = await decode(image, 'B′', layout.side)
    if (checker && !(await checker.isSafe(pixels))) return { withheld: true, report }
  }
  return { image, report }
}

/** What is left to learn and to apply after a part was done; nothing where B lacks what that takes. */
export async function restOf(
  part: ExactDifference,
  { pairs, b, options }: AnalogyJob,
): Promise<Pick<AnalogyJob, 'pairs' | 'b'> | undefined> {
  const [left, moved] = [await pairsLeft(part, pairs), await makeExactly(part, b, once(strengthIn({}, options)))]
  return left && moved && { pairs: left, b: moved }
}

/** The pair with A under the part. */
export async function pairsLeft(part: ExactDifference, [pair]: readonly ImagePair[]): Promise<ImagePair[] | undefined> {
  const a = await makeExactly(part, pair!.a, 1)
  return a && [{ a, a2: pair!.a2 }]
}

/** The job's image after those parts of its differences that are done before what was learned, where they can be. */
export async function afterParts({ differences, image, options }: ApplyJob): Promise<Uint8Array> {
  if (options.isLearned) return image
  let bytes = image
  for (const one of differences) {
    const part = partIn(one.bytes)
    if (part) bytes = (await makeExactly(part, bytes, once(strengthIn(one, options)))) ?? bytes
  }
  return bytes
}

/** The part in a file; none in one that can't be read, of which is said later what is wrong with it. */
function partIn(bytes: Uint8Array): ExactDifference | undefined {
  try {
    const exact = exactIn(bytes)
    return exact?.isPart ? exact : undefined
  } catch {
    return undefined
  }
}

/** A part is done once at most, however strong the rest is. */
const once = (strength: number): number => Math.max(-1, Math.min(1, strength))

/** B′ as PNG bytes, of B's own pixels; nothing where B has no even background to move its thing on. */
async function makeExactly(
  difference: ExactDifference,
  b: Uint8Array,
  strength: number,
): Promise<Uint8Array | undefined> {
  const made = applyExact(difference, await read(b, LARGEST), strength, LEAST_OUTPUT)
  return made && encodeRgba(toBytes(made))
}

/** A file without tokens: what was found, and not learned yet. */
export const encodeExact = (difference: ExactDifference): Uint8Array =>
  encodeSafetensors({ tensors: {}, metadata: { [EXACT]: exactToJson(difference) } })

/** What does the whole of the one difference that is applied exactly, unless it is to be applied as learned. */
export function readExact({ differences, options }: ApplyJob): ExactDifference | undefined {
  const [first, ...more] = differences
  if (!first || more.length > 0 || options.mode !== 'fast' || options.isLearned) return undefined
  const exact = exactIn(first.bytes)
  return exact?.isPart ? undefined : exact
}

function exactIn(bytes: Uint8Array): ExactDifference | undefined {
  const json = decodeSafetensors(bytes, sentence('The difference')).metadata[EXACT]
  return json === undefined ? undefined : exactFromJson(json)
}

/** @throws UserError for a file that has nothing but an exact part */
export function checkLearned({ tensors, metadata }: FileContent, name: string | Sentence): void {
  if (metadata[EXACT] === undefined || Object.keys(tensors).length > 0) return
  throw new UserError(
    '{name} was done exactly and is not learned yet, but here it has to be (a thing is moved on an even background, or differences are combined). Save it first: it is then learned.',
    { name },
  )
}

async function read(bytes: Uint8Array, longest: number): Promise<Raster> {
  return fromBytes(await decodeRgba(bytes, longest))
}
