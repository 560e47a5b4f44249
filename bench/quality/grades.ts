import type { JointSpace } from '../../src/diffusion/model.ts'
import { combine, cosine, meanSquare, unit } from '../../src/tensor/math.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { describe } from './descriptor.ts'
import type { Target, Task } from './pictures.ts'

export interface Grade {
  /** Nearer to the truth than to every distractor, by pixels. */
  readonly right: boolean
  /** The same by `describe`: a right style in other pixels is right. */
  readonly rightBySight: boolean
  /** Root mean square to the truth. */
  readonly error: number
  /** The same where B′ should be B, and where it should not; absent where there are few such pixels. */
  readonly outside?: number
  readonly inside?: number
  /** cos(E(A′) − E(A), E(B′) − E(B)) by the model's own encoder and by `describe`. */
  readonly direction?: number
  readonly directionBySight: number
}

export async function gradeOf(made: Tensor, target: Target, task: Task, joint?: JointSpace): Promise<Grade> {
  const { b, truth, distractors } = target
  const wrong = meanSquare(made, truth)
  const seen = describe(made)
  const near = (other: Tensor) => cosine(seen, describe(other))
  const nearness = near(truth)
  return {
    right: distractors.every((other) => meanSquare(made, other) > wrong),
    rightBySight: distractors.every((other) => near(other) < nearness),
    error: Math.sqrt(wrong),
    ...errorsBySide(made, target),
    direction: joint && (await direction(async (picture) => unit(await joint.embedPicture(picture)), made, b, task)),
    directionBySight: await direction(async (picture) => describe(picture), made, b, task),
  }
}

async function direction(embed: (picture: Tensor) => Promise<Tensor>, made: Tensor, b: Tensor, { a, a2 }: Task) {
  const moved = combine([1, await embed(made)], [-1, await embed(b)])
  return cosine(moved, combine([1, await embed(a2)], [-1, await embed(a)]))
}

function errorsBySide(made: Tensor, { b, truth }: Target): { outside?: number; inside?: number } {
  const plane = made.dims[1]! * made.dims[2]!
  const sums = { outside: 0, inside: 0 }
  const counts = { outside: 0, inside: 0 }
  for (let pixel = 0; pixel < plane; pixel++) {
    const channels = [pixel, plane + pixel, 2 * plane + pixel]
    const side = channels.every((at) => Math.abs(b.data[at]! - truth.data[at]!) < 1e-6) ? 'outside' : 'inside'
    counts[side] += 3
    for (const at of channels) sums[side] += (made.data[at]! - truth.data[at]!) ** 2
  }
  const mean = (side: 'outside' | 'inside') =>
    counts[side] > FEW * 3 * plane ? Math.sqrt(sums[side] / counts[side]) : undefined
  return { outside: mean('outside'), inside: mean('inside') }
}

const FEW = 0.07
