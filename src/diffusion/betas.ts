/** How the noise of a diffusion grows: β of every training timestep. */
export interface Betas {
  readonly trainTimesteps: number
  readonly betaStart: number
  readonly betaEnd: number
  readonly betaSchedule: 'linear' | 'scaled_linear' | 'squaredcos_cap_v2'
  readonly rescaleBetasZeroSnr: boolean
}

/**
 * α̅ of every training timestep, rounded to float32 where PyTorch rounds, because the cosine's last values depend on
 * it.
 */
export function cumulativeAlphas(config: Betas): Float32Array {
  const betas = Float32Array.from({ length: config.trainTimesteps }, (_, step) => beta(config, step))
  const result = new Float32Array(betas.length)
  let product = 1
  for (const [step, value] of betas.entries()) {
    product *= Math.fround(1 - value)
    result[step] = product
  }
  return config.rescaleBetasZeroSnr ? withoutTerminalSignal(result) : result
}

function beta({ betaSchedule, betaStart, betaEnd, trainTimesteps }: Betas, step: number): number {
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
