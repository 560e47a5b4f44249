import { resample, toRgbBytes } from '../../image/resample.ts'
import { type Tensor, tensor } from '../../tensor/tensor.ts'
import { readJson } from '../json.ts'

/** pixels [3, height, width] in −1…1 → [1, 3, side, side] as CLIP's image encoder takes them */
type ClipPixels = (pixels: Tensor) => Tensor

/**
 * As CLIP's `preprocessor_config.json` says: the shortest side is scaled to a number of pixels, the middle cut out,
 * each channel normalized.
 * @param path If there is no such file, the values of OpenAI's CLIP at 224 px are used.
 */
export async function readClipPixels(path: string): Promise<ClipPixels> {
  const config = (await readJson<Preprocessing>(path)) ?? {}
  const { image_mean: mean = MEAN, image_std: deviation = DEVIATION } = config
  const shortest = sideOf(config.size)
  const side = sideOf(config.crop_size, shortest)
  return (pixels) => {
    const { width, height, data } = toRgbBytes(pixels)
    const scaled = (length: number) => Math.floor((shortest * length) / Math.min(width, height))
    const small = resample({ width, height, data }, scaled(width), scaled(height))
    const left = Math.floor((small.width - side) / 2)
    const top = Math.floor((small.height - side) / 2)
    const made = tensor([1, 3, side, side])
    for (let channel = 0; channel < 3; channel++) {
      for (let y = 0; y < side; y++) {
        for (let x = 0; x < side; x++) {
          const value = small.data[3 * ((top + y) * small.width + left + x) + channel]!
          made.data[(channel * side + y) * side + x] = (value / 255 - mean[channel]!) / deviation[channel]!
        }
      }
    }
    return made
  }
}

interface Preprocessing {
  readonly size?: Side
  readonly crop_size?: Side
  readonly image_mean?: readonly number[]
  readonly image_std?: readonly number[]
}

/** Older files have a number here. */
type Side = number | { readonly shortest_edge?: number; readonly height?: number }

function sideOf(size: Side | undefined, usual = 224): number {
  if (typeof size === 'number') return size
  return size?.shortest_edge ?? size?.height ?? usual
}

const MEAN = [0.48145466, 0.4578275, 0.40821073]
const DEVIATION = [0.26862954, 0.26130258, 0.27577711]
