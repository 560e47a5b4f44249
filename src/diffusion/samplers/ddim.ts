import type { Sampler } from './sampler.ts'

/** Deterministic DDIM (arXiv 2010.02502); of a flow, Euler's method. */
export const ddim: Sampler = {
  stops: ({ ddimTimesteps, level }, count) =>
    [...ddimTimesteps(count), -1].map((timestep) => ({ timestep, ...level(timestep) })),
  step: ({ ddimStep, direction }, { noisy, output, stops, index }) =>
    ddimStep(noisy, direction(output, noisy, stops[index]!), stops[index]!, stops[index + 1]!),
}
