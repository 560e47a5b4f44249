import type { SamplerConfig } from './config.ts'
import { ddim } from './ddim.ts'
import { dpmSolver } from './dpm-solver.ts'
import { euler } from './euler.ts'
import { lcm } from './lcm.ts'
import type { Sampler } from './sampler.ts'

export function samplerOf(config: SamplerConfig): Sampler {
  switch (config.kind) {
    case 'ddim':
      return ddim
    case 'euler':
      return euler(config)
    case 'dpm-solver':
      return dpmSolver(config)
    case 'lcm':
      return lcm(config)
  }
}
