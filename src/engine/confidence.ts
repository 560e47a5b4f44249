/** What is known about a B′ without knowing the true one. */
export interface Signs {
  /** 1 − distance(D applied to A, A′) ÷ distance(A, A′), at best 1. */
  readonly fit: number
  /** cos(E(B′) − E(B), E(A′) − E(A)), if the model has an image encoder. */
  readonly direction?: number
}

export type Verdict = 'well' | 'partly' | 'not'

/**
 * The probability that B′ is right, 0…1: a logistic regression on the signs, fitted on the tuning list of `isto bench
 * quality`.
 */
export function confidence({ fit, direction }: Signs): number {
  const { bias, byFit, byDirection } = direction === undefined ? ALONE : BOTH
  return 1 / (1 + Math.exp(-(bias + byFit * fit + byDirection * (direction ?? 0))))
}

const BOTH = { bias: -4.5, byFit: 5.2, byDirection: 4.2 }
const ALONE = { bias: -3.1, byFit: 6.8, byDirection: 0 }

/** In three words, for people. */
export function verdictOf(confidence: number): Verdict {
  if (confidence >= WELL) return 'well'
  return confidence >= PARTLY ? 'partly' : 'not'
}

const WELL = 0.75
const PARTLY = 0.4
