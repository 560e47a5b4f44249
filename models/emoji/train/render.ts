import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import sharp from 'sharp'
import {
  COLOURS,
  type Colour,
  type Jitter,
  NO_JITTER,
  POSITIONS,
  type Scene,
  SIZES,
  STYLES,
  type Style,
  THINGS,
  TURNS,
} from './world.ts'

/** RGBA, `side` × `side`, 0…255. */
interface Sprite {
  readonly side: number
  readonly pixels: Buffer
}

const SPRITE_SIDE = 128
const require = createRequire(import.meta.url)

export interface Renderer {
  /** RGB, `side` × `side` × 3, 0…255. */
  render(scene: Scene, jitter?: Jitter): Promise<Uint8Array>
}

/** Draws every thing in every style once (128 px), then composes scenes of `side` × `side` pixels from them. */
export async function createRenderer(side: number): Promise<Renderer> {
  const sprites = new Map<string, Sprite>()
  for (const style of Object.keys(STYLES) as Style[]) {
    const set = JSON.parse(await readFile(require.resolve(`${STYLES[style]}/icons.json`), 'utf8'))
    for (const thing of Object.keys(THINGS)) sprites.set(`${style}/${thing}`, await rasterise(set, thing))
  }
  return {
    render: (scene, jitter = NO_JITTER) => compose(sprites.get(`${scene.style}/${scene.thing}`)!, scene, jitter, side),
  }
}

interface IconSet {
  readonly icons: Record<string, { body: string; width?: number; height?: number }>
  readonly aliases?: Record<string, { parent: string }>
  readonly width?: number
  readonly height?: number
}

async function rasterise(set: IconSet, name: string): Promise<Sprite> {
  const icon = set.icons[set.aliases?.[name]?.parent ?? name]
  if (!icon) throw new RangeError(`Expected \`name\` to be in the icon set, got ${name}`)
  const width = icon.width ?? set.width ?? 16
  const height = icon.height ?? set.height ?? 16
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="${SPRITE_SIDE}" height="${SPRITE_SIDE}" viewBox="0 0 ${width} ${height}">${icon.body}</svg>`
  const pixels = await sharp(Buffer.from(svg)).resize(SPRITE_SIDE, SPRITE_SIDE).ensureAlpha().raw().toBuffer()
  return { side: SPRITE_SIDE, pixels }
}

async function compose(sprite: Sprite, scene: Scene, jitter: Jitter, side: number): Promise<Uint8Array> {
  const thingSide = Math.round((SIZES[scene.size] + jitter.size) * side)
  const angle = TURNS[scene.turn] + jitter.angle
  let drawing = sharp(sprite.pixels, { raw: { width: sprite.side, height: sprite.side, channels: 4 } })
  if (scene.mirrored) drawing = drawing.flop()
  if (angle !== 0) {
    const turned = await drawing
      .rotate(angle, { background: { r: 0, g: 0, b: 0, alpha: 0 } })
      .raw()
      .toBuffer({ resolveWithObject: true })
    const { width, height } = turned.info
    const crop = Math.min(sprite.side, width, height)
    drawing = sharp(turned.data, { raw: { width, height, channels: 4 } }).extract({
      left: (width - crop) >> 1,
      top: (height - crop) >> 1,
      width: crop,
      height: crop,
    })
  }
  const thing = await drawing.resize(thingSide, thingSide).raw().toBuffer()

  const free = (side - thingSide) / 2
  const [directionX, directionY] = POSITIONS[scene.position]
  const left = Math.round(free + directionX * free * 0.85 + (jitter.x * side) / 64)
  const top = Math.round(free + directionY * free * 0.85 + (jitter.y * side) / 64)
  const background = COLOURS[scene.background]!.map((channel, index) =>
    Math.min(255, Math.max(0, channel + jitter.colour[index]!)),
  )
  const lightInk = scene.style === 'ink' && luma(background) < 90
  const picture = new Float32Array(side * side * 3)
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const sx = x - left
      const sy = y - top
      const inside = sx >= 0 && sy >= 0 && sx < thingSide && sy < thingSide
      const source = (sy * thingSide + sx) * 4
      const alpha = inside ? thing[source + 3]! / 255 : 0
      for (let channel = 0; channel < 3; channel++) {
        const ink = alpha === 0 ? 0 : lightInk ? 245 : thing[source + channel]!
        picture[(y * side + x) * 3 + channel] = background[channel]! * (1 - alpha) + ink * alpha
      }
    }
  }
  treat(picture, scene, side)
  frame(picture, scene, side)
  return blurred(scene) ? blur(picture, scene, side) : Uint8Array.from(picture, Math.round)
}

const luma = (colour: ArrayLike<number>) => 0.299 * colour[0]! + 0.587 * colour[1]! + 0.114 * colour[2]!
const blurred = (scene: Scene) => scene.treatment === 'blurred'

function treat(picture: Float32Array, scene: Scene, side: number): void {
  if (scene.treatment === 'pixelated') {
    pixelate(picture, side, side / 8)
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

/** Replaces each block by its mean; `blocks` blocks a side. */
function pixelate(picture: Float32Array, side: number, block: number): void {
  for (let top = 0; top < side; top += block) {
    for (let left = 0; left < side; left += block) {
      for (let channel = 0; channel < 3; channel++) {
        let sum = 0
        for (let y = top; y < top + block; y++)
          for (let x = left; x < left + block; x++) sum += picture[(y * side + x) * 3 + channel]!
        for (let y = top; y < top + block; y++)
          for (let x = left; x < left + block; x++) picture[(y * side + x) * 3 + channel] = sum / block ** 2
      }
    }
  }
}

function frame(picture: Float32Array, scene: Scene, side: number): void {
  if (scene.frame === 'none') return
  const width = side / 16
  for (let y = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      if (Math.min(x, y, side - 1 - x, side - 1 - y) < width) picture.set(COLOURS[scene.frame]!, (y * side + x) * 3)
    }
  }
}

async function blur(picture: Float32Array, scene: Scene, side: number): Promise<Uint8Array> {
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
