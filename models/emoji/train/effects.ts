import sharp from 'sharp'
import { cover, type Placed } from './sprites.ts'
import { COLOURS, type Colour, luma, type Scene } from './world.ts'

/** Pictures are [side, side, 3], 0…255. */

/** Fraction of the side that a shadow is moved right and down, and its deviation; how dark it is, 0…1. */
const SHADOW = { right: 0.05, down: 0.06, soft: 0.028, dark: 0.6 }

/** Darkens a picture behind the things by their soft outline, moved right and down. */
export function castShadow(picture: Float32Array, things: readonly Placed[], side: number): void {
  const outline = new Float32Array(side * side)
  const [right, down] = [Math.round(SHADOW.right * side), Math.round(SHADOW.down * side)]
  for (const thing of things) {
    const moved = { ...thing, left: thing.left + right, top: thing.top + down }
    cover(moved, side, (pixel, _, alpha) => {
      outline[pixel] = Math.max(outline[pixel]!, alpha)
    })
  }
  const deviation = SHADOW.soft * side
  const soft = soften(soften(outline, side, 1, deviation), side, side, deviation)
  for (let index = 0; index < picture.length; index++) picture[index]! *= 1 - SHADOW.dark * soft[Math.floor(index / 3)]!
}

/** Gaussian along x (`stride` 1) or y (`stride` side); beyond the edge is 0. */
function soften(plane: Float32Array, side: number, stride: number, deviation: number): Float32Array {
  const radius = Math.ceil(2.5 * deviation)
  const weights = Array.from({ length: 2 * radius + 1 }, (_, tap) =>
    Math.exp(-((tap - radius) ** 2) / 2 / deviation ** 2),
  )
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  return plane.map((_, pixel) => {
    const at = Math.floor(pixel / stride) % side
    let sum = 0
    for (let tap = Math.max(-radius, -at); tap <= Math.min(radius, side - 1 - at); tap++)
      sum += plane[pixel + tap * stride]! * weights[tap + radius]!
    return sum / total
  })
}

/** Changes all colours of a picture. */
export function treat(picture: Float32Array, scene: Scene, side: number): void {
  if (scene.treatment === 'pixelated') {
    pixelate(picture, side)
    return
  }
  const map: Record<string, (colour: Colour) => Colour> = {
    greyscale: (colour) => [luma(colour), luma(colour), luma(colour)],
    sepia: (colour) => [Math.min(255, luma(colour) * 1.08 + 12), luma(colour) * 0.87 + 8, luma(colour) * 0.66],
    negative: ([red, green, blue]) => [255 - red, 255 - green, 255 - blue],
    tinted: (colour) =>
      colour.map((channel, index) => 0.45 * channel + 0.55 * COLOURS[scene.tint]![index]!) as unknown as Colour,
  }
  const change = map[scene.treatment]
  if (!change) return
  for (let pixel = 0; pixel < picture.length; pixel += 3)
    picture.set(change([picture[pixel]!, picture[pixel + 1]!, picture[pixel + 2]!]), pixel)
}

/** Replaces each of 8 × 8 blocks by its mean. */
function pixelate(picture: Float32Array, side: number): void {
  const edges = Array.from({ length: 9 }, (_, block) => Math.round((block * side) / 8))
  for (let row = 0; row < 8; row++) {
    for (let column = 0; column < 8; column++) {
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

export function frame(picture: Float32Array, scene: Scene, side: number): void {
  if (scene.frame === 'none') return
  const width = side / 16
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (Math.min(x, y, side - 1 - x, side - 1 - y) < width) picture.set(COLOURS[scene.frame]!, (y * side + x) * 3)
    }
  }
}

export async function blur(picture: Float32Array, scene: Scene, side: number): Promise<Uint8Array> {
  const raw = Uint8Array.from(picture, Math.round)
  const soft = new Uint8Array(
    await sharp(raw, { raw: { width: side, height: side, channels: 3 } })
      .blur(side / 28)
      .raw()
      .toBuffer(),
  )
  if (scene.frame === 'none') return soft
  const framed = Float32Array.from(soft)
  frame(framed, scene, side)
  return Uint8Array.from(framed)
}
