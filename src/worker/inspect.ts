import { decodeDifference, encodeDifference } from '../engine/difference.ts'
import { drawSvg, pairPicture, thumbnail } from '../image/encode.ts'
import type { ApplyJob, InspectJob, JobResult, Pictures } from '../jobs/protocol.ts'
import { sentence } from '../sentence.ts'
import { decodeSafetensors, encodeSafetensors } from '../tensor/safetensors.ts'
import { factsOfOrigin } from './differences.ts'
import type { JobContext } from './job-context.ts'
import { leftOut } from './notices.ts'
import { curveOf, THUMBNAIL_SIDE } from './pictures.ts'

type Apply = (job: ApplyJob) => Promise<JobResult>

/** The report of what the file says about itself; a file that says nothing is assumed to fit the model. */
export async function inspect(
  { bytes, isDrawn, options }: InspectJob,
  context: JobContext,
  apply: Apply,
): Promise<JobResult> {
  const name = sentence('The file')
  const content = decodeSafetensors(bytes, name)
  const { model, device } = await context.load()
  const difference = decodeDifference(content, { name, model })
  const { origin } = difference
  const loss = await curveOf(origin?.loss, origin?.steps)
  const written = encodeSafetensors(encodeDifference(difference))
  const isQuick = device !== 'cpu' || model.side <= QUICK_SIDE
  const drawn = isDrawn && isQuick ? await drawnExample(written, options, apply) : undefined
  return {
    difference: written,
    ...((loss || drawn) && { pictures: { loss, ...drawn } }),
    report: {
      ...context.clock.report(model, options),
      ...(origin && factsOfOrigin(origin)),
      ...(drawn && { isDrawn: true }),
    },
    notices: leftOut(name, difference, model),
  }
}

/** A plain face, and what the difference makes of it; nothing where that is withheld. */
async function drawnExample(
  bytes: Uint8Array,
  options: InspectJob['options'],
  apply: Apply,
): Promise<Pictures | undefined> {
  const face = await drawSvg(FACE)
  const { image } = await apply({ kind: 'apply', differences: [{ bytes }], image: face, options })
  if (!image) return undefined
  const [a, a2] = [await thumbnail(face, THUMBNAIL_SIDE), await thumbnail(image, THUMBNAIL_SIDE)]
  return { a, a2, pair: await pairPicture(a, a2) }
}

/** A CPU makes a picture of this side in pixels within seconds. */
const QUICK_SIDE = 128

const FACE =
  '<svg xmlns="http://www.w3.org/2000/svg" width="256" height="256"><rect width="256" height="256" fill="#fff"/><circle cx="128" cy="128" r="100" fill="#fdc82f"/><g fill="#4a2f2a"><ellipse cx="94" cy="106" rx="12" ry="16"/><ellipse cx="162" cy="106" rx="12" ry="16"/></g><path d="M80 158Q128 204 176 158" fill="none" stroke="#4a2f2a" stroke-width="12" stroke-linecap="round"/></svg>'
