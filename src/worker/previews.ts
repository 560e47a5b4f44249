import { encodePng, thumbnail } from '../image/encode.ts'
import type { Picture } from '../image/picture.ts'
import type { Tensor } from '../tensor/tensor.ts'

interface Previews {
  /** Whether B′ is to be shown after this step, 1…of. */
  readonly isDue: (step: number, of: number) => boolean
  /** A small PNG of B′ in the shape of B. @param picture Pixels [3, side, side] in −1…1, computed when asked for. */
  readonly draw: (picture: () => Promise<Tensor>, b: Picture) => Promise<Uint8Array>
}

/**
 * Shows B′ four times as it forms, as long as that takes at most a twentieth of the job's time: decoding one picture is
 * much work for a large model. Nothing in the job itself depends on it.
 */
export function createPreviews(elapsedMilliseconds: () => number): Previews {
  let spent = 0
  let last = 0
  const isDue = (step: number, of: number) => {
    const fifth = (at: number) => Math.floor((at * 5) / of)
    return step < of && fifth(step) > fifth(step - 1) && spent + last <= MOST * elapsedMilliseconds()
  }
  const draw: Previews['draw'] = async (picture, b) => {
    const start = elapsedMilliseconds()
    const preview = await thumbnail(await encodePng(await picture(), b), SIDE)
    last = elapsedMilliseconds() - start
    spent += last
    return preview
  }
  return { isDue, draw }
}

const MOST = 0.05
const SIDE = 256
