import type { Sentence } from '../sentence.ts'
import type { Tensor } from '../tensor/tensor.ts'

/** A picture as the networks see it, fitted completely into a fixed size. */
export interface Picture {
  /** [3, height, width], RGB in −1…1. */
  readonly pixels: Tensor
  /** The part of `pixels` that holds the picture; the rest is padding. */
  readonly frame: Frame
  /** The size of the original when upright, in pixels. */
  readonly size: Size
  /** What the person should see. */
  readonly notices: readonly Sentence[]
}

export interface Size {
  readonly width: number
  readonly height: number
}

/** A rectangle in whole pixels. */
export interface Frame extends Size {
  readonly left: number
  readonly top: number
}

/** Whether two pictures in −1…1 differ by at most one of 255 steps in every pixel. */
export function identical(a: Tensor, b: Tensor): boolean {
  const step = 2 / 255 + 1e-6
  return (
    a.dims.length === b.dims.length &&
    a.dims.every((dim, axis) => dim === b.dims[axis]) &&
    a.data.every((value, index) => Math.abs(value - b.data[index]!) <= step)
  )
}

/** A side in whole pixels, at least one. */
export const scaled = (side: number, scale: number) => Math.max(1, Math.round(side * scale))

/** RGBA, interleaved, row by row. Colours are not multiplied by alpha. */
export interface RgbaBytes extends Size {
  readonly data: Uint8Array
}

/** The longest side of B′ in pixels, if B's own is not longer. */
export const LEAST_OUTPUT = 512
