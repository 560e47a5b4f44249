import type { LearnOptions } from './learn.ts'

/** Every switch of the method; each is a row of an ablation. */
export interface Method extends LearnOptions {
  /** α of Delta Interpolation: 0 the pictures' difference, 1 the captions'. */
  readonly alpha: number
  /** What the prompts p_A, p_A′ and p_B say. `mixed`: one step the thing alone, the next everything. */
  readonly prompts: 'thing' | 'full' | 'mixed'
  /** How D is applied: as a guidance term of its own, or as part of the prompt under plain guidance. */
  readonly application: 'difference' | 'prompt'
  /** Classifier-free guidance when B's noise is kept (`preserve` 1) and when it is drawn afresh (0). */
  readonly guidanceScale: { readonly kept: number; readonly fresh: number }
  /** DDIM steps, for inversion and for sampling. */
  readonly sampleSteps: number
  /** Tried on the pair: D on A must come near A′. One each: nothing is tried. */
  readonly strengths: readonly number[]
  readonly preserves: readonly number[]
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
    application: 'prompt',
    guidanceScale: { kept: 7.5, fresh: 7.5 },
    sampleSteps: 50,
    strengths: [1],
    preserves: [1],
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
    prompts: 'mixed',
    application: 'difference',
    guidanceScale: { kept: 1, fresh: 2.5 },
    sampleSteps: 25,
    strengths: [1, 1.5, 2, 3],
    preserves: [1, 0.5, 0],
  },
}
