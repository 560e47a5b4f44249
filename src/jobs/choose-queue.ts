/** The first job of a model's queue. */
export interface Head {
  readonly model: string
  /** Milliseconds since 1970. */
  readonly placedAt: number
  readonly turn: number
}

/**
 * Which queue a worker takes its next job from: that of the model it has loaded, unless another queue's head has waited longer
 * than `longestWaitMilliseconds`; else the head whose turn is first.
 */
export function chooseQueue(
  heads: readonly Head[],
  loaded: string | undefined,
  now: number,
  longestWaitMilliseconds: number,
): string | undefined {
  const inOrder = heads.toSorted((one, other) => one.turn - other.turn || one.placedAt - other.placedAt)
  const own = inOrder.find(({ model }) => model === loaded)
  const neglected = inOrder.filter(({ placedAt }) => now - placedAt > longestWaitMilliseconds)
  // Its own queue may have waited as long.
  const first = neglected.find((head) => head !== own && (!own || head.placedAt < own.placedAt))
  return (own ? (first ?? own) : inOrder[0])?.model
}
