import type { ColourRule } from './colour.ts'
import type { Filter } from './filter.ts'
import type { Frame } from './frame.ts'
import type { Rgb } from './raster.ts'
import type { Warp } from './warp.ts'

/**
 * What turns A into A′ without a network: warp, colours, background, filter, vignette and frame, in this order. Plain
 * data.
 */
export interface ExactDifference {
  /** The whole picture is warped, or only the thing in front of its even background. */
  readonly moves: 'picture' | 'thing'
  readonly warp: Warp
  readonly colours: ColourRule
  /** For `thing`: changes colour like the thing, stays as it is, or becomes another colour. */
  readonly background: 'follows' | 'stays' | { readonly from: Rgb; readonly to: Rgb }
  readonly filter?: Filter
  /** The share of light that the corners lose; negative if they gain. */
  readonly vignette?: number
  readonly frame?: Frame
  /** It is done first, and the rest is learned. */
  readonly isPart?: boolean
}
