import { COLOURS, type Colour, HUES, type HueName, luma } from './colours.ts'
import { cover, type Placed, soften } from './compose.ts'
import { hueOf } from './sprites.ts'
import type { Scene } from './world.ts'

/** Pictures are [side, side, 3], 0…255. */

/** Fraction of the side that a shadow is moved right and down, and its deviation; how dark it is, 0…1. */
const SHADOW = { right: 0.05, down: 0.06, soft: 0.028, hard: 0.006, dark: 0.6 }

/** Darkens a picture behind the things by their outline, moved right and down. */
export function castShadow(
  picture: Float32Array,
  things: readonly Placed[],
  edge: 'soft' | 'hard',
  side: number,
): void {
  const outline = new Float32Array(side * side)
  for (const thing of things) {
    const moved = { ...thing, x: thing.x + SHADOW.right * side, y: thing.y + SHADOW.down * side }
    cover(moved, side, (pixel, _red, _green, _blue, alpha) => {
      outline[pixel] = Math.max(outline[pixel]!, alpha / 255)
    })
  }
  const soft = soften(outline, side, SHADOW[edge] * side, 'zero')
  for (let index = 0; index < picture.length; index++) picture[index]! *= 1 - SHADOW.dark * soft[Math.floor(index / 3)]!
}

/** Changes all colours of a picture. */
export function treat(picture: Float32Array, scene: Scene, side: number): void {
  const map: Partial<Record<Scene['treatment'], (colour: Colour) => Colour>> = {
    greyscale: (colour) => [luma(colour), luma(colour), luma(colour)],
    sepia: (colour) => [Math.min(255, luma(colour) * 1.08 + 12), luma(colour) * 0.87 + 8, luma(colour) * 0.66],
    negative: ([red, green, blue]) => [255 - red, 255 - green, 255 - blue],
    tinted: (colour) => mixed(colour, COLOURS[scene.tint], 0.55 * scene.amount),
  }
  if (scene.treatment === 'pixelated') pixelate(picture, Math.max(2, Math.round(8 / scene.amount)), side)
  if (scene.treatment === 'blurred') blur(picture, (scene.amount * side) / 28, side)
  const change = map[scene.treatment]
  if (!change) return
  for (let pixel = 0; pixel < picture.length; pixel += 3)
    picture.set(change([picture[pixel]!, picture[pixel + 1]!, picture[pixel + 2]!]), pixel)
}

const mixed = (colour: Colour, other: Colour, share: number): Colour => [
  colour[0] + (other[0] - colour[0]) * share,
  colour[1] + (other[1] - colour[1]) * share,
  colour[2] + (other[2] - colour[2]) * share,
]

/** Replaces each of `count` × `count` blocks by its mean. */
function pixelate(picture: Float32Array, count: number, side: number): void {
  const edges = Array.from({ length: count + 1 }, (_, block) => Math.round((block * side) / count))
  for (let row = 0; row < count; row++) {
    for (let column = 0; column < count; column++) {
      const [top, bottom, left, right] = [edges[row]!, edges[row + 1]!, edges[column]!, edges[column + 1]!]
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0
        for (let y = top; y < bottom; y++)
          for (let x = left; x < right; x++) sum += picture[(y * side + x) * 3 + channel]!
        const mean = sum / ((bottom - top) * (right - left))
        for (let y = top; y < bottom; y++)
          for (let x = left; x < right; x++) picture[(y * side + x) * 3 + channel] = mean
      }
    }
  }
}

function blur(picture: Float32Array, deviation: number, side: number): void {
  for (let channel = 0; channel < 3; channel++) {
    const plane = Float32Array.from({ length: side * side }, (_, pixel) => picture[pixel * 3 + channel]!)
    const soft = soften(plane, side, deviation, 'edge')
    for (let pixel = 0; pixel < soft.length; pixel++) picture[pixel * 3 + channel] = soft[pixel]!
  }
}

export function frame(picture: Float32Array, scene: Scene, side: number): void {
  if (scene.frame === 'none') return
  const width = scene.frameWidth * side
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (Math.min(x, y, side - 1 - x, side - 1 - y) < width) picture.set(COLOURS[scene.frame], (y * side + x) * 3)
    }
  }
}

/** A colour with its hue turned by `degrees`, brightness of the strongest channel and chroma kept. */
export function turnHue(colour: Colour, degrees: number): Colour {
  const [hue, chroma] = hueOf(...colour)
  const strongest = Math.max(...colour)
  const place = (hue + degrees + 720) / 60
  const channel = (offset: number) => {
    const at = (offset + place) % 6
    return strongest - chroma * Math.max(0, Math.min(at, 4 - at, 1))
  }
  return [channel(5), channel(3), channel(1)]
}

/** How far a thing's hues are turned so that most of it has the named one. */
export const turnTo = (name: HueName, from: number) => HUES[name] - from
