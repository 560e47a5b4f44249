import type { Parts } from './parts.ts'

export interface VaeConfig {
  /** What latents are multiplied by. */
  readonly scalingFactor?: number
  /** What is subtracted from them before. */
  readonly shiftFactor?: number
  readonly channels?: number
  /** Pixels per latent, along one side. */
  readonly factor?: number
}

/** The autoencoder's configuration, wherever the export put it. */
export function vaeConfigOf(parts: Parts): VaeConfig {
  const config = (parts.config('vae_decoder') ?? parts.config('vae_encoder') ?? {}) as RawVaeConfig
  const levels = config.block_out_channels?.length
  return {
    scalingFactor: config.scaling_factor,
    shiftFactor: config.shift_factor ?? undefined,
    channels: config.latent_channels,
    factor: levels && 2 ** (levels - 1),
  }
}

interface RawVaeConfig {
  readonly scaling_factor?: number
  readonly shift_factor?: number | null
  readonly latent_channels?: number
  readonly block_out_channels?: readonly number[]
}
