import type { Metadata } from 'sharp'
import { UserError } from '../errors.ts'
import type { Sentence } from '../sentence.ts'
import type { Size } from './picture.ts'

export const LARGEST_PIXELS = 2 ** 26
const LARGEST_COST = 2 ** 28
const SMALLEST_SIDE = 8
/** Of one side to the other: what is longer would be a line to the networks. */
const LARGEST_RATIO = 8

/** The person's name for a picture: “A′”. Sentences begin with it. */
export type Name = string | Sentence

/** @param size Of the picture, upright. @throws UserError if it is too large, too small, or a line */
export function checkSize({ width, height }: Size, header: Metadata, name: Name): void {
  const most = mostPixels(header)
  if (width * height > most) {
    throw new UserError('{name} is {width} × {height} pixels and the limit is {limit} million: make it smaller.', {
      name,
      width,
      height,
      limit: Math.floor(most / 1e6),
    })
  }
  if (Math.min(width, height) < SMALLEST_SIDE) {
    throw new UserError(
      '{name} is {width} × {height} pixels, too small to show anything: use at least {smallest} × {smallest}.',
      { name, width, height, smallest: SMALLEST_SIDE },
    )
  }
  if (Math.max(width, height) > LARGEST_RATIO * Math.min(width, height)) {
    throw new UserError(
      width > height
        ? '{name} is {width} × {height} pixels, more than {ratio} times as wide as high: crop it to what it is about.'
        : '{name} is {width} × {height} pixels, more than {ratio} times as high as wide: crop it to what it is about.',
      { name, width, height, ratio: LARGEST_RATIO },
    )
  }
}

/** Limits that keep decoding well under 1 GB and a few seconds. */
const mostPixels = (header: Metadata) => Math.min(LARGEST_PIXELS, LARGEST_COST / costOf(header))

/**
 * Bytes of a pixel if the decoder holds the whole picture. The tiles of a TIFF, which may be tiny, cost time instead.
 */
function costOf({ format, channels, depth, isProgressive }: Metadata): number {
  if (format === 'heif') return 12
  if (format === 'tiff') return 8
  return isProgressive ? channels * (depth === 'uchar' ? 1 : 2) : 1
}
