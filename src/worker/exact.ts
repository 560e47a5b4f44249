import { EXACT, type FileContent } from '../engine/difference.ts'
import { UserError } from '../errors.ts'
import { applyExact } from '../exact/apply.ts'
import { describeExact } from '../exact/describe.ts'
import type { ExactDifference } from '../exact/difference.ts'
import { fitExact, isExact } from '../exact/fit.ts'
import { exactFromJson, exactToJson } from '../exact/json.ts'
import { fromBytes, type Raster, toBytes } from '../exact/raster.ts'
import { decodeRgba } from '../image/decode.ts'
import { encodeRgba } from '../image/encode.ts'
import type { AnalogyJob, ApplyJob, ImagePair, JobOptions, JobResult } from '../jobs/protocol.ts'
import { identityOf } from '../networks/identity.ts'
import { hasSafetyChecker } from '../networks/vision/safety-checker.ts'
import { decodeSafetensors, encodeSafetensors } from '../tensor/safetensors.ts'
import type { JobContext } from './job-context.ts'
import { decode } from './pictures.ts'

/** A pair is looked at in this size (longest side, pixels). */
const SMALL = 128
/** B keeps its own resolution up to this one. */
const LARGEST = 2048

/** What turns A into A′ without a network, where that leaves nothing to learn: of one pair, unless it is to be learned. */
export async function exactOf(
  pairs: readonly ImagePair[],
  { mode, isLearned }: JobOptions,
): Promise<ExactDifference | undefined> {
  const [pair, ...more] = pairs
  if (!pair || more.length > 0 || mode !== 'fast' || isLearned) return undefined
  const fit = fitExact(await read(pair.a, SMALL), await read(pair.a2, SMALL))
  // As a file keeps it, so that it gives the same picture again.
  return isExact(fit) ? exactFromJson(exactToJson(fit.difference)) : undefined
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

/** B′ as PNG bytes, of B's own pixels; nothing where B has no even background to move its thing on. */
async function makeExactly(
  difference: ExactDifference,
  b: Uint8Array,
  strength: number,
): Promise<Uint8Array | undefined> {
  const made = applyExact(difference, await read(b, LARGEST), strength)
  return made && encodeRgba(toBytes(made))
}

/** A file without tokens: what was found, and not learned yet. */
export const encodeExact = (difference: ExactDifference): Uint8Array =>
  encodeSafetensors({ tensors: {}, metadata: { [EXACT]: exactToJson(difference) } })

/** The exact part of the one difference that is applied, unless it is to be applied as learned. */
export function readExact({ differences, options }: ApplyJob): ExactDifference | undefined {
  const [first, ...more] = differences
  if (!first || more.length > 0 || options.mode !== 'fast' || options.isLearned) return undefined
  const json = decodeSafetensors(first.bytes, 'The difference').metadata[EXACT]
  return json === undefined ? undefined : exactFromJson(json)
}

/** @throws UserError for a file that has nothing but an exact part */
export function checkLearned({ tensors, metadata }: FileContent, name: string): void {
  if (metadata[EXACT] === undefined || Object.keys(tensors).length > 0) return
  throw new UserError(
    `${name} was done exactly and is not learned yet, but here it has to be (a thing is moved on an even background, or differences are combined). Save it first: it is then learned.`,
  )
}

async function read(bytes: Uint8Array, longest: number): Promise<Raster> {
  return fromBytes(await decodeRgba(bytes, longest))
}
