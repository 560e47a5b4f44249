/** The sampler that a model was published with. DDIM replaces those that are not supported. */
export type SamplerConfig = { readonly kind: 'ddim' } | EulerConfig | DpmSolverConfig | LcmConfig

type Spacing = 'leading' | 'trailing' | 'linspace'

interface SigmaConfig {
  readonly spacing: Spacing
  readonly stepsOffset: number
  /** Steps are spaced as eq. 5 of arXiv 2206.00364 has them, with ρ = 7. */
  readonly karras: boolean
  /** Where the last step arrives. */
  readonly end: 'zero' | 'sigma_min'
}

export interface EulerConfig extends SigmaConfig {
  readonly kind: 'euler'
  /** Part of the noise is drawn again in every step. */
  readonly ancestral: boolean
}

export interface DpmSolverConfig extends SigmaConfig {
  readonly kind: 'dpm-solver'
  readonly order: 1 | 2
  /** Noise above this ½ log-SNR is left out: a cosine schedule would have it without bound. */
  readonly lambdaMin: number
  /** Whether the last step is of the first order; in short trajectories it always is. */
  readonly lowerOrderFinal: boolean
  readonly eulerAtFinal: boolean
}

export interface LcmConfig {
  readonly kind: 'lcm'
  /** The teacher's number of steps: the student knows only their noise levels. */
  readonly originalSteps: number
  readonly timestepScaling: number
}

/** Reads a diffusers scheduler_config.json by its `_class_name`; absent fields have the defaults of that class. */
export function readSamplerConfig(json: Readonly<Record<string, unknown>>): SamplerConfig {
  const read = <Value>(name: string, otherwise: Value): Value => (json[name] as Value | null | undefined) ?? otherwise
  const sigmas: SigmaConfig = {
    spacing: read<Spacing>('timestep_spacing', 'linspace'),
    stepsOffset: read('steps_offset', 0),
    karras: read('use_karras_sigmas', false),
    end: read<SigmaConfig['end']>('final_sigmas_type', 'zero'),
  }
  const isUsual = UNUSUAL.every((name) => !json[name]) && read('interpolation_type', 'linear') === 'linear'
  switch (json._class_name) {
    case 'EulerDiscreteScheduler':
      return isUsual ? { kind: 'euler', ancestral: false, ...sigmas } : { kind: 'ddim' }
    case 'EulerAncestralDiscreteScheduler':
      return { kind: 'euler', ancestral: true, ...sigmas, karras: false, end: 'zero' }
    case 'DPMSolverMultistepScheduler': {
      const order = read<number>('solver_order', 2)
      const isSingle = read('algorithm_type', 'dpmsolver++') === 'dpmsolver++'
      const isMidpoint = read('solver_type', 'midpoint') === 'midpoint'
      if (!isUsual || !isSingle || !isMidpoint || (order !== 1 && order !== 2)) return { kind: 'ddim' }
      return {
        kind: 'dpm-solver',
        ...sigmas,
        order,
        lambdaMin: Number(read('lambda_min_clipped', Number.NEGATIVE_INFINITY)),
        lowerOrderFinal: read('lower_order_final', true),
        eulerAtFinal: read('euler_at_final', false),
      }
    }
    case 'LCMScheduler':
      return {
        kind: 'lcm',
        originalSteps: read('original_inference_steps', 50),
        timestepScaling: read('timestep_scaling', 10),
      }
    default:
      return { kind: 'ddim' }
  }
}

const UNUSUAL = ['use_exponential_sigmas', 'use_beta_sigmas', 'use_lu_lambdas', 'use_flow_sigmas']
