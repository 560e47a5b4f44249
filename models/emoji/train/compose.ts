/** Things put on planes of pixels, and planes made soft. */
import type { Raster, Sprite } from './sprites.ts'

/** A thing's place in the picture: its centre and side in pixels, degrees clockwise. */
export interface Placed {
  readonly sprite: Sprite
  readonly x: number
  readonly y: number
  readonly side: number
  readonly turn: number
  readonly mirrored: boolean
  /** Steps of √2 that the level is chosen coarser. */
  readonly softness: number
}

/**
 * Calls `paint` for every pixel of the picture that the thing covers: its index and RGBA, 0…255, colours multiplied by
 * alpha. The sprite is read between four pixels of the level that is nearest in size, at most √2 times as large.
 */
export function cover(
  placed: Placed,
  side: number,
  paint: (pixel: number, red: number, green: number, blue: number, alpha: number) => void,
): void {
  const level = levelOf(placed)
  const scale = level.side / placed.side
  const [cos, sin] = [Math.cos((placed.turn * Math.PI) / 180), Math.sin((placed.turn * Math.PI) / 180)]
  const reach = ((Math.abs(cos) + Math.abs(sin)) * placed.side) / 2 + 1
  const [top, bottom] = [Math.max(0, Math.floor(placed.y - reach)), Math.min(side, Math.ceil(placed.y + reach))]
  const [left, right] = [Math.max(0, Math.floor(placed.x - reach)), Math.min(side, Math.ceil(placed.x + reach))]
  const flip = placed.mirrored ? -1 : 1
  const sample = new Float64Array(4)
  for (let y = top; y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const [across, down] = [x + 0.5 - placed.x, y + 0.5 - placed.y]
      const u = flip * (cos * across + sin * down) * scale + level.side / 2 - 0.5
      const v = (cos * down - sin * across) * scale + level.side / 2 - 0.5
      if (readBetween(level, u, v, sample)) paint(y * side + x, sample[0]!, sample[1]!, sample[2]!, sample[3]!)
    }
  }
}

function levelOf({ sprite, side, softness }: Placed): Raster {
  const exact = 2 * Math.log2(sprite.levels[0]!.side / side) + softness
  return sprite.levels[Math.min(sprite.levels.length - 1, Math.max(0, Math.floor(exact + 1e-6)))]!
}

/** Bilinear, transparent beyond the edge. False where nothing is. */
function readBetween({ side, pixels }: Raster, u: number, v: number, sample: Float64Array): boolean {
  if (u <= -1 || v <= -1 || u >= side || v >= side) return false
  const [left, top] = [Math.floor(u), Math.floor(v)]
  const [right, bottom] = [u - left, v - top]
  sample.fill(0)
  for (let corner = 0; corner < 4; corner++) {
    const [x, y] = [left + (corner & 1), top + (corner >> 1)]
    if (x < 0 || y < 0 || x >= side || y >= side) continue
    const weight = (corner & 1 ? right : 1 - right) * (corner >> 1 ? bottom : 1 - bottom)
    const at = (y * side + x) * 4
    for (let channel = 0; channel < 4; channel++) sample[channel]! += weight * pixels[at + channel]!
  }
  return sample[3]! > 0.5
}

/** Gaussian of a plane along x, then y; `beyond` the edge it is 0, or what the edge is. */
export function soften(plane: Float32Array, side: number, deviation: number, beyond: 'zero' | 'edge'): Float32Array {
  return softenAlong(softenAlong(plane, side, 1, deviation, beyond), side, side, deviation, beyond)
}

function softenAlong(
  plane: Float32Array,
  side: number,
  stride: number,
  deviation: number,
  beyond: 'zero' | 'edge',
): Float32Array {
  const radius = Math.max(1, Math.ceil(2.5 * deviation))
  const weights = Float64Array.from({ length: 2 * radius + 1 }, (_, tap) =>
    Math.exp(-((tap - radius) ** 2) / 2 / deviation ** 2),
  )
  const total = weights.reduce((sum, weight) => sum + weight, 0)
  const soft = new Float32Array(plane.length)
  const line = new Float64Array(side + 2 * radius)
  const step = stride === 1 ? side : 1
  for (let start = 0; start < side; start++) {
    const first = start * step
    if (beyond === 'edge') {
      line.fill(plane[first]!, 0, radius)
      line.fill(plane[first + (side - 1) * stride]!, radius + side)
    }
    for (let at = 0; at < side; at++) line[radius + at] = plane[first + at * stride]!
    for (let at = 0; at < side; at++) {
      let sum = 0
      for (let tap = 0; tap <= 2 * radius; tap++) sum += line[at + tap]! * weights[tap]!
      soft[first + at * stride] = sum / total
    }
  }
  return soft
}
