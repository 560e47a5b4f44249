import type { Sampler } from './sampler.ts'

/** Deterministic DDIM (arXiv 2010.02502); for a flow, Euler's method. */
export const ddim: Sampler = {
  noiseLevels: ({ ddimTimesteps, level }, count) =>
    [...ddimTimesteps(count), -1].map((timestep) => ({ timestep, ...level(timestep) })),
  step: ({ ddimStep, direction }, { noisy, output, noiseLevels, index }) =>
    ddimStep(noisy, direction(output, noisy, noiseLevels[index]!), noiseLevels[index]!, noiseLevels[index + 1]!),
}
