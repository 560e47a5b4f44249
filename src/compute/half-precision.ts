import { gradientName } from '../autodiff/gradient.ts'
import type { Graph } from '../onnx/graph.ts'
import type { Feeds, Session } from '../onnx/session.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { cotangentScale, cotangentSize } from './gradient-model.ts'
import type { Attempt } from './placement.ts'

// When and how float16 is used. Which operators stay in float32 is in onnx/to-float16.ts.

/** A model stored in float16 is computed in float16 on a device whose trial gradient is at most this far from the CPU's. */
export const LARGEST_ERROR_IN_HALF = 1e-2

export const isHalf = ({ constants }: Graph): boolean => [...constants.values()].some(({ type }) => type === 'float16')

/**
 * Runs a gradient graph in float16. The cotangents are scaled so that the largest is one that seldom overflows; when
 * something overflows, that size is halved for good. The gradients come back unscaled.
 */
export function scaledRuns(by: readonly string[]): (session: Session, feeds: Feeds) => Promise<Attempt> {
  const names = new Set(by.map(gradientName))
  let size = USUAL_SIZE
  return async (session, feeds) => {
    for (;;) {
      const results = await session.run({ ...feeds, [cotangentSize]: tensor([], Float32Array.of(size)) })
      const wrong = Object.keys(results).filter((name) => !areFinite(results[name]!))
      // If the forward pass overflows, no size helps.
      const isOverflow = wrong.length > 0 && wrong.every((name) => names.has(name))
      if (isOverflow && size > SMALLEST_SIZE) {
        size /= 2
        continue
      }
      const scale = results[cotangentScale]!.data[0]!
      const unscaled = [...names].map((name) => [name, divided(results[name]!, scale)])
      return { results: { ...results, ...Object.fromEntries(unscaled) }, isRight: wrong.length === 0 }
    }
  }
}

/** The size of the largest cotangent. From 1 to 1024 the errors are alike (bench/RESULTS.md). */
const USUAL_SIZE = 64
const SMALLEST_SIZE = 2 ** -10

const divided = ({ dims, data }: Tensor, by: number) =>
  tensor(
    dims,
    data.map((value) => value / by),
  )

export const areFinite = ({ data }: Tensor): boolean => data.every(Number.isFinite)
