import sharp from 'sharp'
import { loadSet, svgOf } from './icons.ts'
import type { Scene, Style } from './world.ts'

/** RGBA, `side` × `side`, 0…255, colours not multiplied by alpha. */
export interface Sprite {
  readonly side: number
  readonly pixels: Uint8Array
}

/** Bytes of sprites that are kept. */
const CACHE_BYTES = 6e8

/** Icon in a style and tone, turned by `angle` degrees clockwise and scaled to `side` pixels. */
export type Sprites = (style: Style, thing: string, tone: Scene['tone'], angle: number, side: number) => Promise<Sprite>

/** Icons and what is cut from them upright are kept. `iconSide` is what they are rasterised at before scaling. */
export function createSprites(iconSide: number): Sprites {
  const kept = <Value>(make: (key: string) => Promise<Value>, bytes: number) => {
    const cache = new Map<string, Promise<Value>>()
    return (key: string) => {
      if (cache.size * bytes > CACHE_BYTES) cache.clear()
      const found = cache.get(key) ?? make(key)
      cache.set(key, found)
      return found
    }
  }
  const setOf = kept((style) => loadSet(style as Style), 0)
  const icon = kept(
    async (key) => {
      const [style, thing, tone] = key.split('/') as [Style, string, Scene['tone']]
      const svg = svgOf(await setOf(style), thing, tone, iconSide)
      return sharp(Buffer.from(svg)).resize(iconSide, iconSide).ensureAlpha().raw().toBuffer()
    },
    iconSide ** 2 * 4,
  )
  const scaled = async (key: string) => {
    const [style, thing, tone, angle, side] = key.split('/')
    return scale(await icon(`${style}/${thing}/${tone}`), iconSide, Number(angle), Number(side))
  }
  const upright = kept(scaled, iconSide ** 2)
  return (style, thing, tone, angle, side) => {
    const key = `${style}/${thing}/${tone}/${angle}/${side}`
    return angle === 0 ? upright(key) : scaled(key)
  }
}

async function scale(pixels: Buffer, iconSide: number, angle: number, side: number): Promise<Sprite> {
  let drawing = sharp(pixels, { raw: { width: iconSide, height: iconSide, channels: 4 } })
  if (angle !== 0) {
    const turned = await drawing
      .rotate(angle, { background: { r: 0, g: 0, b: 0, alpha: 0 } })
      .raw()
      .toBuffer({ resolveWithObject: true })
    const { width, height } = turned.info
    const crop = Math.min(iconSide, width, height)
    drawing = sharp(turned.data, { raw: { width, height, channels: 4 } }).extract({
      left: (width - crop) >> 1,
      top: (height - crop) >> 1,
      width: crop,
      height: crop,
    })
  }
  return { side, pixels: await drawing.resize(side, side).raw().toBuffer() }
}

/** A thing's place in the picture, left and top edge in pixels. */
export interface Placed {
  readonly sprite: Sprite
  readonly left: number
  readonly top: number
  readonly flipX: boolean
  readonly flipY: boolean
}

/** Calls `paint` for every pixel of the picture that the thing covers: its index, where its colour stands in the sprite, alpha 0…1. */
export function cover(
  { sprite, left, top, flipX, flipY }: Placed,
  side: number,
  paint: (pixel: number, source: number, alpha: number) => void,
): void {
  for (let y = Math.max(0, top); y < Math.min(side, top + sprite.side); y++) {
    const row = flipY ? sprite.side - 1 - (y - top) : y - top
    for (let x = Math.max(0, left); x < Math.min(side, left + sprite.side); x++) {
      const column = flipX ? sprite.side - 1 - (x - left) : x - left
      const source = (row * sprite.side + column) * 4
      const alpha = sprite.pixels[source + 3]! / 255
      if (alpha > 0) paint(y * side + x, source, alpha)
    }
  }
}
