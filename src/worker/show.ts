import type { Applying } from '../engine/apply.ts'
import { blend } from '../engine/blend.ts'
import { enlarge } from '../engine/enlarge.ts'
import { enlargeGuided } from '../engine/guided-enlarging.ts'
import type { RunContext } from '../engine/run-context.ts'
import { decodeWhole } from '../image/decode.ts'
import { encodePng } from '../image/encode.ts'
import { LEAST_OUTPUT, type Picture } from '../image/picture.ts'
import type { JobOptions, JobResult } from '../jobs/protocol.ts'
import { createRandom } from '../tensor/random.ts'
import type { JobContext } from './job-context.ts'
import type { LoadedModel } from './model-cache.ts'
import { createPreviews } from './previews.ts'

/**
 * B′, unless it is withheld: every picture that a job makes passes through here. If it is blended, B's own pixels stay
 * outside the change, at B's own resolution, and what was made gets B's edges.
 * @param bytes Of B.
 */
export async function shown(
  { pixels, mask, isBlended }: Applying,
  b: Picture,
  bytes: Uint8Array,
  checker: LoadedModel['checker'],
): Promise<Pick<JobResult, 'image' | 'withheld'>> {
  const whole = isBlended ? blend(b.pixels, pixels, mask) : pixels
  if (checker && !(await checker.isSafe(whole))) return { withheld: true }
  if (!isBlended) return { image: await encodePng(pixels, b) }
  const original = await decodeWhole(bytes, Math.max(LEAST_OUTPUT, ...pixels.dims))
  const [, height, width] = original.dims as [number, number, number]
  const made = enlargeGuided(pixels, b.pixels, original, b.frame)
  return { image: await encodePng(blend(original, made, enlarge(mask, b.frame, { width, height }, 'linear'))) }
}

/** @param b Its change is shown as it forms, where nothing has to be withheld. */
export function runContextOf({ clock, signal }: JobContext, { seed }: JobOptions, b?: Picture): RunContext {
  const previews = createPreviews(clock.elapsedMilliseconds)
  const onProgress: RunContext['onProgress'] = (stage, step, of, picture) => {
    if (!b || !picture || !previews.isDue(step, of)) return clock.progress({ stage, step, of })
    return previews.draw(picture, b).then((preview) => clock.progress({ stage, step, of, preview }))
  }
  return { random: createRandom(seed), signal, onProgress }
}
