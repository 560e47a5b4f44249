import type { Applying } from '../engine/apply.ts'
import type { RunContext } from '../engine/run-context.ts'
import type { JobOptions, JobResult } from '../jobs/protocol.ts'
import { createRandom } from '../tensor/random.ts'
import type { JobContext } from './job-context.ts'

interface Making {
  /** With the job's own seed. */
  readonly first: Applying
  /** The same difference on the same picture, with the random numbers of another seed. */
  readonly another: (run: RunContext) => Promise<Applying>
  readonly show: (made: Applying) => Promise<Pick<JobResult, 'image' | 'withheld'>>
}

/** As many B′ as the job asks for, with its seed and those that follow it. Some may be withheld. */
export async function shownVariants(
  { first, another, show }: Making,
  { seed, variants = 1 }: JobOptions,
  { clock, signal }: JobContext,
): Promise<Pick<JobResult, 'image' | 'variants' | 'withheld'>> {
  const made = [{ seed, ...(await show(first)) }]
  for (let index = 1; index < variants; index++) {
    const own = (seed + index) % 2 ** 32
    const onProgress: RunContext['onProgress'] = (stage, step, of) =>
      stage === 'sample' ? clock.progress({ stage, step: (index - 1) * of + step, of: (variants - 1) * of }) : undefined
    made.push({ seed: own, ...(await show(await another({ random: createRandom(own), signal, onProgress }))) })
  }
  const seen = made.flatMap(({ seed, image }) => (image ? [{ seed, image }] : []))
  const [best] = seen
  return best ? { image: best.image, ...(variants > 1 && { variants: seen }) } : { withheld: true }
}
