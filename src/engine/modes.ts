import type { LearnOptions } from './learn.ts'

/** How a difference is applied. */
export interface Application {
  readonly strength: number
  /** 0…1: how much of the picture's own noise, and so of its layout, is kept. */
  readonly preserve: number
}

/** Every switch of the method; each is a row of an ablation. */
export interface Method extends LearnOptions {
  /** α of Delta Interpolation: 0 the pictures' difference, 1 the captions'. */
  readonly alpha: number
  /** What the prompts p_A, p_A′ and p_B say. `mixed`: one step the thing alone, the next everything. */
  readonly prompts: 'thing' | 'full' | 'mixed'
  /** Classifier-free guidance when B's noise is kept (`preserve` 1) and when it is drawn afresh (0). */
  readonly guidanceScale: { readonly kept: number; readonly fresh: number }
  /**
   * D starts from the words in which the captions of A and A′ differ, and is learned so. Where they do not differ, or
   * without this, it starts from zero.
   */
  readonly fromWords?: Pick<LearnOptions, 'steps' | 'learningRate'>
  /** The model's own sampler, or DDIM whatever it is. */
  readonly sampler: 'own' | 'ddim'
  /** Steps, for inversion and for sampling; a model of few steps has its own number instead, except by DDIM. */
  readonly sampleSteps: number
  /** Of each step of the inversion (see `invert`). */
  readonly refinements: number
  /** Tried on the pair, from careful to bold: D on A must come near A′. */
  readonly candidates: readonly Application[]
}

export const methods: Readonly<Record<'fast' | 'parity', Method>> = {
  /** As arXiv 2506.07750 states it; token count, learning rate, weights and steps are not stated there and are ours. */
  parity: {
    steps: 1000,
    tokens: 10,
    learningRate: { from: 0.01, to: 0.001 },
    denoisingWeight: 4,
    clipWeight: 0.3,
    warmStart: 0,
    consistency: true,
    longestToken: Number.POSITIVE_INFINITY,
    timesteps: { from: 0, to: 1 },
    alpha: 0.8,
    prompts: 'full',
    guidanceScale: { kept: 7.5, fresh: 7.5 },
    sampler: 'ddim',
    sampleSteps: 50,
    refinements: 0,
    candidates: [{ strength: 1, preserve: 1 }],
  },
  fast: {
    steps: 100,
    tokens: 4,
    learningRate: { from: 0.02, to: 0.002 },
    denoisingWeight: 4,
    clipWeight: 0,
    warmStart: 0,
    consistency: false,
    longestToken: Number.POSITIVE_INFINITY,
    timesteps: { from: 0.02, to: 1 },
    alpha: 0.8,
    prompts: 'full',
    guidanceScale: { kept: 1, fresh: 2.5 },
    fromWords: { steps: 60, learningRate: { from: 0.004, to: 0.0004 } },
    sampler: 'own',
    sampleSteps: 25,
    refinements: 2,
    candidates: [
      { strength: 1, preserve: 1 },
      { strength: 1.5, preserve: 1 },
      { strength: 2, preserve: 1 },
      { strength: 1, preserve: 0.75 },
      { strength: 1, preserve: 0.5 },
      { strength: 1.5, preserve: 0.5 },
      { strength: 1, preserve: 0 },
      { strength: 1.5, preserve: 0 },
    ],
  },
}
