import type { ColourRule } from './colour.ts'
import type { Filter } from './filter.ts'
import type { Frame } from './frame.ts'
import type { Rgb } from './raster.ts'
import type { Warp } from './warp.ts'

/**
 * What makes A′ of A without a network: warp, colours, background, filter, vignette and frame, in this order. Plain data.
 */
export interface ExactDifference {
  /** The picture is warped whole, or the thing in it is, in front of its even background. */
  readonly moves: 'picture' | 'thing'
  readonly warp: Warp
  readonly colours: ColourRule
  /** Of `thing`: changes colour as the thing does, stays as it is, or becomes another. */
  readonly background: 'follows' | 'stays' | { readonly from: Rgb; readonly to: Rgb }
  readonly filter?: Filter
  /** The part of the light that the corners lose; negative where they gain. */
  readonly vignette?: number
  readonly frame?: Frame
}
