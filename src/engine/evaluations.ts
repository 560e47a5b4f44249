import type { DiffusionModel } from '../diffusion/model.ts'

export interface Counted {
  readonly model: DiffusionModel
  /** How often the denoising network was evaluated until now, with or without its gradient: each sample of a batch counts. */
  readonly evaluations: () => number
}

/** The same model, and how much of it is used. */
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
