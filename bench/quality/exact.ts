import { applyExact } from '../../src/exact/apply.ts'
import { fitExact, isExact, isPart } from '../../src/exact/fit.ts'
import { fromBytes, over, type Raster, white } from '../../src/exact/raster.ts'
import { toRgbBytes } from '../../src/image/resample.ts'
import { type Tensor, tensor } from '../../src/tensor/tensor.ts'

/**
 * B′ of each B, and A, as far as they can be made exactly, where the pair is one of an exact kind or in part (the rest
 * is to be learned); else nothing. Pictures: [3, side, side] in −1…1.
 */
export function exactOf(a: Tensor, a2: Tensor, bs: readonly Tensor[]) {
  const fit = fitExact(toRaster(a), toRaster(a2))
  if (!isExact(fit) && !isPart(fit)) return undefined
  const [made, ...ofBs] = [a, ...bs].map((picture) => {
    const under = applyExact(fit.difference, toRaster(picture))
    const isSize = under && under.width === picture.dims[2] && under.height === picture.dims[1]
    return isSize ? toPixels(over(under, white)) : undefined
  })
  return { isPart: !isExact(fit), a: made, bs: ofBs }
}

function toRaster(pixels: Tensor): Raster {
  const { width, height, data } = toRgbBytes(pixels)
  const rgba = new Uint8Array(4 * width * height).fill(255)
  for (let at = 0; at < width * height; at++) rgba.set(data.subarray(3 * at, 3 * at + 3), 4 * at)
  return fromBytes({ width, height, data: rgba })
}

function toPixels({ width, height, data }: Raster): Tensor {
  const plane = width * height
  const pixels = tensor([3, height, width])
  for (let at = 0; at < plane; at++) {
    for (let channel = 0; channel < 3; channel++) pixels.data[channel * plane + at] = data[4 * at + channel]! * 2 - 1
  }
  return pixels
}
