import { UserError } from '../errors.ts'

/** The noise levels of flow matching: x_t = (1−σ)·x₀ + σ·ε, σ = timestep / trainTimesteps, which need not be whole. */
export interface FlowConfig {
  readonly predictionType: 'flow'
  readonly trainTimesteps: number
  /**
   * More than 1 moves the steps of sampling and learning towards noise: σ ← shift·σ / (1 + (shift − 1)·σ), eq. 23 of
   * arXiv 2403.03206.
   */
  readonly shift: number
  /** σ of the last step, for any number of steps. */
  readonly terminal?: number
  /**
   * Between which levels the steps lie before the shift. `trained`: from 1 to the least that was trained, as Stable Diffusion
   * 3 has them; `even`: 1, 1 − 1/n, … 1/n, as FLUX has them.
   */
  readonly spacing: 'trained' | 'even'
}

export const shifted = ({ shift }: FlowConfig, sigma: number): number => (shift * sigma) / (1 + (shift - 1) * sigma)

/** σ of `count` steps, the noisiest first, without the final 0. `count`: 1 to `trainTimesteps`. */
export function flowSigmas(config: FlowConfig, count: number): number[] {
  const { spacing, trainTimesteps, terminal } = config
  const least = spacing === 'even' ? 1 / count : shifted(config, 1 / trainTimesteps)
  const sigmas = Array.from({ length: count }, (_, index) =>
    shifted(config, 1 - ((1 - least) * index) / Math.max(count - 1, 1)),
  )
  if (!terminal) return sigmas
  const stretch = (1 - terminal) / (1 - sigmas.at(-1)!)
  return count === 1 ? sigmas : sigmas.map((sigma) => 1 - (1 - sigma) * stretch)
}

/**
 * Reads the fields of FlowMatchEulerDiscreteScheduler. A shift that depends on the picture's size is computed for
 * `imageTokens`.
 * @throws UserError for a schedule that is not supported
 */
export function readFlowConfig(json: Readonly<Record<string, unknown>>, imageTokens?: number): FlowConfig {
  const read = (name: string, otherwise: number) => (json[name] as number | null | undefined) ?? otherwise
  const strange = ['use_karras_sigmas', 'use_exponential_sigmas', 'use_beta_sigmas', 'invert_sigmas'].find(
    (name) => json[name],
  )
  if (strange) throw new UserError(`This model's scheduler uses ${strange}, which is not supported.`)
  const isDynamic = Boolean(json.use_dynamic_shifting)
  const shift = isDynamic ? dynamicShift(json, read, imageTokens) : read('shift', read('flow_shift', 1))
  return {
    predictionType: 'flow',
    trainTimesteps: read('num_train_timesteps', 1000),
    shift,
    terminal: (json.shift_terminal as number | null | undefined) ?? undefined,
    // FLUX's pipelines set the levels themselves; their schedulers are those without a fixed shift.
    spacing: isDynamic || shift === 1 ? 'even' : 'trained',
  }
}

/** e^μ, with μ on a line through the smallest and the largest picture: eq. 23 again, written with μ. */
function dynamicShift(
  json: Readonly<Record<string, unknown>>,
  read: (name: string, otherwise: number) => number,
  imageTokens?: number,
): number {
  const [least, most] = [read('base_image_seq_len', 256), read('max_image_seq_len', 4096)]
  const [from, to] = [read('base_shift', 0.5), read('max_shift', 1.15)]
  const mu = from + ((to - from) * ((imageTokens ?? most) - least)) / (most - least)
  return json.time_shift_type === 'linear' ? mu : Math.exp(mu)
}
