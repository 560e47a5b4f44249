import type { DiffusionModel } from '../diffusion/model.ts'

export interface Counted {
  readonly model: DiffusionModel
  /** Evaluations of the denoising network so far, with or without its gradient: each sample of a batch counts. */
  readonly evaluations: () => number
}

/** The same model with a counter. */
export function countEvaluations(model: DiffusionModel): Counted {
  let count = 0
  const counted: DiffusionModel = {
    ...model,
    denoise: (ask) => {
      count += ask.timesteps.length
      return model.denoise(ask)
    },
    denoisingGradient: (ask) => {
      count += ask.timesteps.length
      return model.denoisingGradient(ask)
    },
  }
  return { model: counted, evaluations: () => count }
}
