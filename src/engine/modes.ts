import type { LearnOptions } from './learn.ts'

/** How a difference is applied. */
export interface Application {
  readonly strength: number
  /** 0…1: how much of the picture is kept. */
  readonly preserve: number
  /** Whether the picture's own pixels stay where the difference does nothing (`blend`). */
  readonly isBlended: boolean
}

/** Every switch of the method; each is a row of an ablation. */
export interface Method extends LearnOptions {
  /** α of delta interpolation: 0 the pictures' difference, 1 the captions'. */
  readonly alpha: number
  /** `editByDelta`, or guided sampling from the noise that DDIM inversion finds (`editByInversion`). */
  readonly editing: 'delta' | 'inversion'
  /** The scale of classifier-free guidance after an inversion. */
  readonly guidanceScale: number
  /** Steps of delta editing, where a few-step model uses its own number instead, or of inversion and sampling. */
  readonly editSteps: number
  /** The same while candidates are tried on the pair. */
  readonly trySteps: number
  /**
   * D starts from words for the difference (`nameDifference`, or those in which the captions of A and A′ differ) and is
   * learned with these options. Without them, or if there are no words, it starts from zero.
   */
  readonly fromWords?: Pick<LearnOptions, 'steps' | 'learningRate'>
  /** Tried on the pair: D applied to A must come near A′. */
  readonly candidates: readonly Pick<Application, 'strength' | 'preserve'>[]
  /** Whether blended pictures are tried in addition to plain ones. */
  readonly blends: boolean
  /** How often the method starts again, with another seed, if B′ seems to have failed. */
  readonly retries: number
}

export const methods: Readonly<Record<'fast' | 'parity', Method>> = {
  /**
   * As arXiv 2506.07750 states it. The number of tokens, learning rate, weights and steps are not stated there and are
   * ours.
   */
  parity: {
    steps: 1000,
    tokens: 10,
    learningRate: { from: 0.01, to: 0.001 },
    denoisingWeight: 4,
    clipWeight: 0.3,
    consistency: true,
    timesteps: { from: 0, to: 1 },
    alpha: 0.8,
    editing: 'inversion',
    guidanceScale: 7.5,
    editSteps: 50,
    trySteps: 50,
    candidates: [{ strength: 1, preserve: 1 }],
    blends: false,
    retries: 0,
  },
  fast: {
    steps: 60,
    tokens: 4,
    learningRate: { from: 0.02, to: 0.002 },
    denoisingWeight: 4,
    clipWeight: 0,
    consistency: false,
    timesteps: { from: 0.02, to: 1 },
    alpha: 0.8,
    editing: 'delta',
    guidanceScale: 1,
    editSteps: 10,
    trySteps: 5,
    fromWords: { steps: 12, learningRate: { from: 0.004, to: 0.0004 } },
    candidates: [
      { strength: 1, preserve: 1 },
      { strength: 1.5, preserve: 1 },
      { strength: 2, preserve: 1 },
      { strength: 1, preserve: 0.5 },
      { strength: 1.5, preserve: 0.5 },
      { strength: 1.5, preserve: 0 },
    ],
    blends: true,
    retries: 1,
  },
}
