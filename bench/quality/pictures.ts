import { createRenderer } from '../../models/emoji/train/render.ts'
import type { Scene } from '../../models/emoji/train/world.ts'
import { meanSquare } from '../../src/tensor/math.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'
import type { Family } from './families.ts'
import type { SceneTask } from './scenes.ts'

/** Pictures: [3, side, side] in −1…1. */
export interface Target {
  readonly b: Tensor
  /** The true B′. */
  readonly truth: Tensor
  /** B, A′ and B with other changes, none of them the truth. */
  readonly distractors: readonly Tensor[]
}

export interface Task {
  readonly family: Family
  readonly name: string
  readonly a: Tensor
  readonly a2: Tensor
  readonly targets: readonly Target[]
}

/** Draws the scenes of tasks at a model's size. */
export function createDrawing(side: number): (task: SceneTask) => Promise<Task> {
  const renderer = createRenderer(side)
  const draw = async (scene: Scene) => toPixels(await renderer.render(scene), side)
  return async ({ family, pair, a, a2, bs }) => {
    const after = await draw(a2)
    const targets: Target[] = []
    for (const { b, truth, distractors } of bs) {
      const [before, right] = [await draw(b), await draw(truth)]
      const others = [before, after, ...(await Promise.all(distractors.map(draw)))]
      targets.push({ b: before, truth: right, distractors: others.filter((each) => meanSquare(each, right) > SAME) })
    }
    return { family, name: `${family.name} ${pair + 1}`, a: await draw(a), a2: after, targets }
  }
}

const SAME = 1e-3

export function toPixels(bytes: Uint8Array, side: number): Tensor {
  const plane = side * side
  const pixels = tensor([3, side, side])
  for (const [index, value] of bytes.entries())
    pixels.data[(index % 3) * plane + Math.floor(index / 3)] = value / 127.5 - 1
  return pixels
}
