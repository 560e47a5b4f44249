import type { PicturePair } from '../engine/analogy.ts'
import { UserError } from '../errors.ts'
import { decodeImage } from '../image/decode.ts'
import { drawSvg, pairPicture, thumbnail } from '../image/encode.ts'
import { lossCurve } from '../image/loss-curve.ts'
import { identical, type Picture } from '../image/picture.ts'
import type { ImagePair, Job, JobResult, Pictures } from '../jobs/protocol.ts'
import { type Sentence, sentence } from '../sentence.ts'

/** @param side The side of the model's square in pixels. @throws UserError if the bytes are no usable picture */
export const decode = (bytes: Uint8Array, name: string | Sentence, side: number): Promise<Picture> =>
  decodeImage(bytes, { name, width: side, height: side })

/** @throws UserError for an unusable picture, and for a pair of the same picture twice */
export async function decodePairs(pairs: readonly ImagePair[], side: number): Promise<[Picture, Picture][]> {
  const pictures: [Picture, Picture][] = []
  for (const [index, pair] of pairs.entries()) {
    const number = index + 1
    const isFirst = index === 0
    const a = await decode(pair.a, isFirst ? 'A' : sentence('A of pair {number}', { number }), side)
    const a2 = await decode(pair.a2, isFirst ? 'A′' : sentence('A′ of pair {number}', { number }), side)
    if (identical(a.pixels, a2.pixels)) throw samePicture(isFirst ? undefined : number)
    pictures.push([a, a2])
  }
  return pictures
}

const samePicture = (number?: number) =>
  number === undefined
    ? new UserError('A and A′ are the same picture: there is no difference to learn. Give two that differ.')
    : new UserError(
        'A and A′ of pair {number} are the same picture: there is no difference to learn. Give two that differ.',
        { number },
      )

export const pixelsOf = (pictures: readonly [Picture, Picture][]): PicturePair[] =>
  pictures.map(([a, a2]) => ({ a: a.pixels, a2: a2.pixels }))

export const noticesOf = (pictures: readonly Picture[]): Sentence[] => pictures.flatMap(({ notices }) => notices)

/** The pictures that show a difference learned from these pairs. */
export async function picturesOf([first]: readonly ImagePair[], losses: readonly number[]): Promise<Pictures> {
  // One after another: each may be as large as a picture can be.
  const a = await thumbnail(first!.a, THUMBNAIL_SIDE)
  const a2 = await thumbnail(first!.a2, THUMBNAIL_SIDE)
  return { a, a2, pair: await pairPicture(a, a2), loss: await curveOf(losses) }
}

/** @param steps How many steps the curve spans, if it was thinned. */
export async function curveOf(losses: readonly number[] = [], steps?: number): Promise<Uint8Array | undefined> {
  return losses.length < 2 ? undefined : drawSvg(lossCurve(losses, steps))
}

export const THUMBNAIL_SIDE = 128

/** What is to be shown of the job's pictures instead of them. */
export async function shownInputs(job: Job): Promise<Pick<JobResult, 'inputs'>> {
  const pairs = 'pairs' in job ? job.pairs : []
  const b = job.kind === 'analogy' ? job.b : job.kind === 'apply' ? job.image : undefined
  const all = [...pairs.flatMap(({ a, a2 }) => [a, a2]), ...(b ? [b] : [])]
  if (!all.some(isTiff)) return {}
  const shown = (bytes: Uint8Array) => (isTiff(bytes) ? thumbnail(bytes, SHOWN_SIDE) : bytes)
  const shownPairs: ImagePair[] = []
  for (const { a, a2 } of pairs) shownPairs.push({ a: await shown(a), a2: await shown(a2) })
  return { inputs: { pairs: shownPairs, ...(b && { b: await shown(b) }) } }
}

const isTiff = (bytes: Uint8Array) => /^(II\*\0|MM\0\*)/.test(Buffer.from(bytes.subarray(0, 4)).toString('latin1'))

const SHOWN_SIDE = 2048
