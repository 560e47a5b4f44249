import { UserError } from '../errors.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'
import { type Betas, cumulativeAlphas } from './betas.ts'
import { type FlowConfig, flowSigmas, readFlowConfig, shifted } from './flow.ts'
import { roundHalfToEven } from './round.ts'
import { readSamplerConfig, type SamplerConfig } from './samplers/config.ts'

/** A scheduler_config.json: the noise at each timestep, the meaning of the network's output, and the sampler. */
type ScheduleConfig = (DiffusionConfig | FlowConfig) & { readonly sampler: SamplerConfig }

interface DiffusionConfig extends Betas {
  readonly predictionType: 'epsilon' | 'v_prediction'
  /** Whether the step after the last timestep arrives at x₀ (α̅ = 1) or at timestep 0. */
  readonly setAlphaToOne: boolean
  readonly stepsOffset: number
  readonly timestepSpacing: 'leading' | 'trailing' | 'linspace'
}

/** x_t = signal·x₀ + sigma·ε. For a diffusion √α̅ and √(1−α̅), for a flow 1−σ and σ. */
export interface Level {
  readonly signal: number
  readonly sigma: number
}

/**
 * A level and the timestep that the network is given there, whole or not. Below 0 it is given none: no step begins
 * there.
 */
export interface NoiseLevel extends Level {
  readonly timestep: number
}

/** A timestep of the schedule, or any level. */
type At = number | Level

/**
 * Symbols: x₀ `original`, ε `noise`, x_t `noisy`. Timesteps are what the network is given, 0 to `trainTimesteps`: whole
 * for a diffusion, any number for a flow. Below 0 means "no noise left".
 */
export interface Schedule {
  readonly config: ScheduleConfig
  level(timestep: number): Level
  /** The timestep at a fraction 0…1 of the training; all fractions are equally likely. */
  timestepAt(fraction: number): number
  /** `count` timesteps, the noisiest first. `count`: 1 to `trainTimesteps`. */
  ddimTimesteps(count: number): number[]
  /** x_t = signal·x₀ + sigma·ε */
  addNoise(original: Tensor, noise: Tensor, at: At): Tensor
  /** The target of the network's output: ε, the velocity √α̅·ε − √(1−α̅)·x₀, or the flow ε − x₀. */
  target(original: Tensor, noise: Tensor, at: At): Tensor
  predictedNoise(output: Tensor, noisy: Tensor, at: At): Tensor
  predictedOriginal(output: Tensor, noisy: Tensor, at: At): Tensor
  /**
   * What `ddimStep` follows: ε, or for a flow the flow itself, because ε says nothing about x₀ where everything is
   * noise (σ = 1).
   */
  direction(output: Tensor, noisy: Tensor, at: At): Tensor
  /**
   * The deterministic step (η = 0) of DDIM, eq. 12 of arXiv 2010.02502, towards less noise or, to invert, towards more. In a
   * flow it is Euler's: x + (σ′ − σ)·(ε − x₀).
   */
  ddimStep(noisy: Tensor, direction: Tensor, from: At, to: At): Tensor
}

/** @throws RangeError from its functions for a timestep or a count that the schedule doesn't have */
export function schedule(config: ScheduleConfig): Schedule {
  const { trainTimesteps } = config
  const { level, timestepAt, timesteps } = config.predictionType === 'flow' ? flow(config) : diffusion(config)
  const levelOf = (at: At) => (typeof at === 'number' ? level(at) : at)
  const { target, noise, original } = predictions[config.predictionType]
  const predictedNoise: Schedule['predictedNoise'] = (output, noisy, at) => noise(output, noisy, levelOf(at))
  return {
    config,
    level,
    timestepAt,
    ddimTimesteps(count) {
      if (!Number.isInteger(count) || count < 1 || count > trainTimesteps)
        throw new RangeError(`Expected 1 to ${trainTimesteps} steps, got ${count}`)
      return timesteps(count)
    },
    addNoise(original, noise, at) {
      const { signal, sigma } = levelOf(at)
      return sum(signal, original, sigma, noise)
    },
    target: (original, noise, at) => target(original, noise, levelOf(at)),
    predictedNoise,
    predictedOriginal: (output, noisy, at) => original(output, noisy, levelOf(at)),
    direction: config.predictionType === 'flow' ? (output) => output : predictedNoise,
    ddimStep(noisy, direction, from, to) {
      const [now, next] = [levelOf(from), levelOf(to)]
      if (config.predictionType === 'flow') return sum(1, noisy, next.sigma - now.sigma, direction)
      const scale = next.signal / now.signal
      return sum(scale, noisy, next.sigma - scale * now.sigma, direction)
    },
  }
}

type Parts = Pick<Schedule, 'level' | 'timestepAt'> & { readonly timesteps: Schedule['ddimTimesteps'] }

function diffusion(config: DiffusionConfig): Parts {
  const { trainTimesteps } = config
  const alphasCumprod = cumulativeAlphas(config)
  const last = config.setAlphaToOne ? 1 : alphasCumprod[0]!
  return {
    level(timestep) {
      if (!Number.isInteger(timestep) || timestep >= trainTimesteps)
        throw new RangeError(`Expected a whole timestep below ${trainTimesteps}, got ${timestep}`)
      const alpha = timestep < 0 ? last : alphasCumprod[timestep]!
      return { signal: Math.sqrt(alpha), sigma: Math.sqrt(1 - alpha) }
    },
    timestepAt: (fraction) => Math.min(trainTimesteps - 1, Math.floor(fraction * trainTimesteps)),
    timesteps: (count) => spaced(config, count),
  }
}

function flow(config: FlowConfig): Parts {
  const { trainTimesteps } = config
  return {
    level(timestep) {
      if (!(timestep <= trainTimesteps))
        throw new RangeError(`Expected a timestep up to ${trainTimesteps}, got ${timestep}`)
      const sigma = Math.max(0, timestep) / trainTimesteps
      return { signal: 1 - sigma, sigma }
    },
    timestepAt: (fraction) => trainTimesteps * shifted(config, fraction),
    timesteps: (count) => flowSigmas(config, count).map((sigma) => sigma * trainTimesteps),
  }
}

interface Prediction {
  readonly target: (original: Tensor, noise: Tensor, level: Level) => Tensor
  readonly noise: (output: Tensor, noisy: Tensor, level: Level) => Tensor
  readonly original: (output: Tensor, noisy: Tensor, level: Level) => Tensor
}

/** What a network's output is, and what it says about ε and x₀. */
const predictions: Readonly<Record<ScheduleConfig['predictionType'], Prediction>> = {
  epsilon: {
    target: (_original, noise) => noise,
    noise: (output) => output,
    original: (output, noisy, { signal, sigma }) => sum(1 / signal, noisy, -sigma / signal, output),
  },
  v_prediction: {
    target: (original, noise, { signal, sigma }) => sum(signal, noise, -sigma, original),
    noise: (output, noisy, { signal, sigma }) => sum(signal, output, sigma, noisy),
    original: (output, noisy, { signal, sigma }) => sum(signal, noisy, -sigma, output),
  },
  flow: {
    target: (original, noise) => sum(1, noise, -1, original),
    noise: (output, noisy, { signal }) => sum(signal, output, 1, noisy),
    original: (output, noisy, { sigma }) => sum(1, noisy, -sigma, output),
  },
}

/**
 * Reads the fields of a diffusers scheduler_config.json, whichever sampler it was written for; absent fields have
 * DDIMScheduler's defaults. Clipping and thresholding are for pixels and are ignored.
 *
 * @param imageTokens The number of patches of a picture that a transformer sees; FLUX's noise depends on it. @default
 *   the largest number that the configuration allows
 * @throws UserError for a schedule that is not supported
 */
export function readScheduleConfig(json: Readonly<Record<string, unknown>>, imageTokens?: number): ScheduleConfig {
  if (/^FlowMatch/.test(String(json._class_name)) || json.prediction_type === 'flow_prediction')
    return { ...readFlowConfig(json, imageTokens), sampler: { kind: 'ddim' } }
  const read = <Value>(name: string, otherwise: Value): Value => (json[name] as Value | null | undefined) ?? otherwise
  const oneOf = <Value extends string>(name: string, known: readonly Value[]): Value => {
    const value = read<string>(name, known[0]!)
    const found = known.find((each) => each === value)
    if (!found)
      throw new UserError(`This model's scheduler has ${name} "${value}"; only ${known.join(', ')} can be used.`)
    return found
  }
  if (read('trained_betas', undefined))
    throw new UserError("This model's scheduler lists trained_betas, which is not supported.")
  return {
    trainTimesteps: read('num_train_timesteps', 1000),
    ...(json._class_name === 'LCMScheduler'
      ? { betaStart: read('beta_start', 0.00085), betaEnd: read('beta_end', 0.012) }
      : { betaStart: read('beta_start', 0.0001), betaEnd: read('beta_end', 0.02) }),
    betaSchedule: oneOf('beta_schedule', ['linear', 'scaled_linear', 'squaredcos_cap_v2']),
    predictionType: oneOf('prediction_type', ['epsilon', 'v_prediction']),
    setAlphaToOne: read('set_alpha_to_one', true),
    stepsOffset: read('steps_offset', 0),
    timestepSpacing: oneOf('timestep_spacing', ['leading', 'trailing', 'linspace']),
    rescaleBetasZeroSnr: read('rescale_betas_zero_snr', false),
    sampler: readSamplerConfig(json),
  }
}

/** The spacings of table 2 of arXiv 2305.08891. */
function spaced({ trainTimesteps, timestepSpacing, stepsOffset }: DiffusionConfig, count: number): number[] {
  const place = {
    leading: (index: number) => (count - 1 - index) * Math.floor(trainTimesteps / count) + stepsOffset,
    trailing: (index: number) => roundHalfToEven(trainTimesteps - (index * trainTimesteps) / count) - 1,
    linspace: (index: number) => roundHalfToEven(((count - 1 - index) * (trainTimesteps - 1)) / Math.max(count - 1, 1)),
  }[timestepSpacing]
  return Array.from({ length: count }, (_, index) => place(index))
}

function sum(firstScale: number, first: Tensor, secondScale: number, second: Tensor): Tensor {
  if (first.data.length !== second.data.length)
    throw new RangeError(`Expected tensors of one shape, got [${first.dims}] and [${second.dims}]`)
  return tensor(
    first.dims,
    first.data.map((value, index) => firstScale * value + secondScale * second.data[index]!),
  )
}
