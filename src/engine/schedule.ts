import { UserError } from '../errors.ts'
import { type Tensor, tensor } from '../tensor/tensor.ts'

/** How much noise a timestep means, and how a network's output is read: a scheduler_config.json without its sampler. */
export interface ScheduleConfig {
  readonly trainTimesteps: number
  readonly betaStart: number
  readonly betaEnd: number
  readonly betaSchedule: 'linear' | 'scaled_linear' | 'squaredcos_cap_v2'
  readonly predictionType: 'epsilon' | 'v_prediction'
  /** Whether the step after the last timestep arrives at x₀ (α̅ = 1) or at timestep 0. */
  readonly setAlphaToOne: boolean
  readonly stepsOffset: number
  readonly timestepSpacing: 'leading' | 'trailing' | 'linspace'
  readonly rescaleBetasZeroSnr: boolean
}

/** Symbols: x₀ `original`, ε `noise`, x_t `noisy`, α̅_t `alphasCumprod[t]`. Timesteps are whole; below 0 stands "no noise left". */
export interface Schedule {
  readonly config: ScheduleConfig
  readonly alphasCumprod: Float32Array
  /** `count` timesteps, the noisiest first. `count`: 1 to `trainTimesteps`. */
  ddimTimesteps(count: number): number[]
  /** x_t = √α̅·x₀ + √(1−α̅)·ε */
  addNoise(original: Tensor, noise: Tensor, timestep: number): Tensor
  /** What the network should have put out: ε, or the velocity √α̅·ε − √(1−α̅)·x₀. */
  target(original: Tensor, noise: Tensor, timestep: number): Tensor
  predictedNoise(output: Tensor, noisy: Tensor, timestep: number): Tensor
  predictedOriginal(output: Tensor, noisy: Tensor, timestep: number): Tensor
  /** The deterministic step (η = 0) of DDIM, eq. 12 of arXiv 2010.02502, towards less noise or, to invert, towards more. */
  ddimStep(noisy: Tensor, noisePrediction: Tensor, from: number, to: number): Tensor
}

/** @throws RangeError from its functions for a timestep or a count that the schedule does not have. */
export function schedule(config: ScheduleConfig): Schedule {
  const { trainTimesteps, predictionType } = config
  const alphasCumprod = cumulativeAlphas(config)
  const last = config.setAlphaToOne ? 1 : alphasCumprod[0]!
  /** √α̅ and √(1−α̅). */
  const scales = (timestep: number): readonly [number, number] => {
    if (!Number.isInteger(timestep) || timestep >= trainTimesteps)
      throw new RangeError(`Expected a whole timestep below ${trainTimesteps}, got ${timestep}`)
    const alpha = timestep < 0 ? last : alphasCumprod[timestep]!
    return [Math.sqrt(alpha), Math.sqrt(1 - alpha)]
  }
  return {
    config,
    alphasCumprod,
    ddimTimesteps: (count) => spaced(config, count),
    addNoise(original, noise, timestep) {
      const [signal, sigma] = scales(timestep)
      return sum(signal, original, sigma, noise)
    },
    target(original, noise, timestep) {
      const [signal, sigma] = scales(timestep)
      return predictionType === 'epsilon' ? noise : sum(signal, noise, -sigma, original)
    },
    predictedNoise(output, noisy, timestep) {
      const [signal, sigma] = scales(timestep)
      return predictionType === 'epsilon' ? output : sum(signal, output, sigma, noisy)
    },
    predictedOriginal(output, noisy, timestep) {
      const [signal, sigma] = scales(timestep)
      return predictionType === 'epsilon'
        ? sum(1 / signal, noisy, -sigma / signal, output)
        : sum(signal, noisy, -sigma, output)
    },
    ddimStep(noisy, noisePrediction, from, to) {
      const [signal, sigma] = scales(from)
      const [nextSignal, nextSigma] = scales(to)
      const scale = nextSignal / signal
      return sum(scale, noisy, nextSigma - scale * sigma, noisePrediction)
    },
  }
}

/**
 * Reads the fields of a diffusers scheduler_config.json, whichever sampler it was written for; what it leaves out is
 * DDIMScheduler's default. Clipping and thresholding are for pixels and are not read.
 * @throws UserError for a kind of schedule that is not known here.
 */
export function readScheduleConfig(json: Readonly<Record<string, unknown>>): ScheduleConfig {
  const read = <Value>(name: string, otherwise: Value): Value => (json[name] as Value | null | undefined) ?? otherwise
  const oneOf = <Value extends string>(name: string, known: readonly Value[]): Value => {
    const value = read<string>(name, known[0]!)
    const found = known.find((each) => each === value)
    if (!found)
      throw new UserError(`This model's scheduler has ${name} "${value}"; only ${known.join(', ')} can be used.`)
    return found
  }
  if (read('trained_betas', undefined))
    throw new UserError("This model's scheduler lists trained_betas; that is not known here.")
  return {
    trainTimesteps: read('num_train_timesteps', 1000),
    betaStart: read('beta_start', 0.0001),
    betaEnd: read('beta_end', 0.02),
    betaSchedule: oneOf('beta_schedule', ['linear', 'scaled_linear', 'squaredcos_cap_v2']),
    predictionType: oneOf('prediction_type', ['epsilon', 'v_prediction']),
    setAlphaToOne: read('set_alpha_to_one', true),
    stepsOffset: read('steps_offset', 0),
    timestepSpacing: oneOf('timestep_spacing', ['leading', 'trailing', 'linspace']),
    rescaleBetasZeroSnr: read('rescale_betas_zero_snr', false),
  }
}

/** Rounded to float32 where PyTorch rounds: the last values of the cosine schedule depend on it. */
function cumulativeAlphas(config: ScheduleConfig): Float32Array {
  const betas = Float32Array.from({ length: config.trainTimesteps }, (_, step) => beta(config, step))
  const result = new Float32Array(betas.length)
  let product = 1
  for (const [step, value] of betas.entries()) {
    product *= Math.fround(1 - value)
    result[step] = product
  }
  return config.rescaleBetasZeroSnr ? withoutTerminalSignal(result) : result
}

function beta({ betaSchedule, betaStart, betaEnd, trainTimesteps }: ScheduleConfig, step: number): number {
  if (betaSchedule === 'squaredcos_cap_v2') {
    const alpha = (time: number) => Math.cos(((time + 0.008) / 1.008) * (Math.PI / 2)) ** 2
    return Math.min(1 - alpha((step + 1) / trainTimesteps) / alpha(step / trainTimesteps), 0.999)
  }
  const between = (from: number, to: number) => from + ((to - from) * step) / Math.max(trainTimesteps - 1, 1)
  if (betaSchedule === 'linear') return between(betaStart, betaEnd)
  return between(Math.sqrt(betaStart), Math.sqrt(betaEnd)) ** 2
}

/** Algorithm 1 of arXiv 2305.08891; the last value stays just above 0, so that x₀ can be solved for. */
function withoutTerminalSignal(alphasCumprod: Float32Array): Float32Array {
  const roots = alphasCumprod.map(Math.sqrt)
  const [first, last] = [roots[0]!, roots.at(-1)!]
  const rescaled = roots.map((root) => (((root - last) * first) / (first - last)) ** 2)
  rescaled[rescaled.length - 1] = 2 ** -24
  return rescaled
}

/** The spacings of table 2 of arXiv 2305.08891. */
function spaced({ trainTimesteps, timestepSpacing, stepsOffset }: ScheduleConfig, count: number): number[] {
  if (!Number.isInteger(count) || count < 1 || count > trainTimesteps)
    throw new RangeError(`Expected 1 to ${trainTimesteps} steps, got ${count}`)
  const place = {
    leading: (index: number) => (count - 1 - index) * Math.floor(trainTimesteps / count) + stepsOffset,
    trailing: (index: number) => roundHalfToEven(trainTimesteps - (index * trainTimesteps) / count) - 1,
    linspace: (index: number) => roundHalfToEven(((count - 1 - index) * (trainTimesteps - 1)) / Math.max(count - 1, 1)),
  }[timestepSpacing]
  return Array.from({ length: count }, (_, index) => place(index))
}

function roundHalfToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

function sum(firstScale: number, first: Tensor, secondScale: number, second: Tensor): Tensor {
  if (first.data.length !== second.data.length)
    throw new RangeError(`Expected tensors of one shape, got [${first.dims}] and [${second.dims}]`)
  return tensor(
    first.dims,
    first.data.map((value, index) => firstScale * value + secondScale * second.data[index]!),
  )
}
