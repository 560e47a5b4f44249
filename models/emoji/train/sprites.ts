import sharp from 'sharp'
import { loadSet, svgOf } from './icons.ts'
import type { Scene, Style } from './world.ts'

/** RGBA, `side` × `side`, 0…255, colours multiplied by alpha. */
export interface Raster {
  readonly side: number
  readonly pixels: Uint8ClampedArray
}

/** An icon at several sizes, each smaller than the one before by √2, and the hue that most of it has, in degrees. */
export interface Sprite {
  readonly levels: readonly Raster[]
  readonly hue: number
}

/** The side of the smallest level in pixels. */
const SMALLEST = 32

/** Icon in a style and tone. */
export type Sprites = (style: Style, thing: string, tone: Scene['tone']) => Promise<Sprite>

/** Every icon is drawn once and kept. @param largest The side of the largest level in pixels. */
export function createSprites(largest = 256): Sprites {
  const sides = [largest]
  while (sides.at(-1)! > SMALLEST) sides.push(Math.round(largest * Math.SQRT1_2 ** sides.length))
  const sets = new Map<Style, ReturnType<typeof loadSet>>()
  const kept = new Map<string, Promise<Sprite>>()
  const setOf = (style: Style) => {
    const found = sets.get(style) ?? loadSet(style)
    sets.set(style, found)
    return found
  }
  return (style, thing, tone) => {
    const key = `${style}/${thing}/${tone}`
    const found = kept.get(key) ?? setOf(style).then((set) => drawSprite(svgOf(set, thing, tone, largest), sides))
    kept.set(key, found)
    return found
  }
}

async function drawSprite(svg: string, sides: readonly number[]): Promise<Sprite> {
  const side = sides[0]!
  const whole = await sharp(Buffer.from(svg)).resize(side, side).ensureAlpha().raw().toBuffer()
  const levels = await Promise.all(
    sides.map(async (each) => {
      const scaled = sharp(whole, { raw: { width: side, height: side, channels: 4 } }).resize(each, each)
      const pixels = each === side ? whole : await scaled.raw().toBuffer()
      return { side: each, pixels: premultiplied(pixels) }
    }),
  )
  return { levels, hue: mainHue(whole) }
}

function premultiplied(pixels: Buffer): Uint8ClampedArray {
  const multiplied = new Uint8ClampedArray(pixels)
  for (let index = 0; index < pixels.length; index += 4) {
    const alpha = pixels[index + 3]! / 255
    for (let channel = 0; channel < 3; channel++) multiplied[index + channel] = pixels[index + channel]! * alpha
  }
  return multiplied
}

/** Mean direction on the circle of hues, each pixel by its alpha and the difference of its strongest and weakest channel. */
function mainHue(pixels: Buffer): number {
  let [x, y] = [0, 0]
  for (let index = 0; index < pixels.length; index += 4) {
    const [hue, chroma] = hueOf(pixels[index]!, pixels[index + 1]!, pixels[index + 2]!)
    const weight = chroma * pixels[index + 3]!
    x += weight * Math.cos((hue * Math.PI) / 180)
    y += weight * Math.sin((hue * Math.PI) / 180)
  }
  return (Math.atan2(y, x) * 180) / Math.PI
}

/** Hue in degrees, 0 where there is none, and chroma, the difference of the strongest and the weakest channel. */
export function hueOf(red: number, green: number, blue: number): [hue: number, chroma: number] {
  const strongest = Math.max(red, green, blue)
  const chroma = strongest - Math.min(red, green, blue)
  if (chroma === 0) return [0, 0]
  if (strongest === red) return [60 * (((green - blue) / chroma + 6) % 6), chroma]
  if (strongest === green) return [60 * ((blue - red) / chroma + 2), chroma]
  return [60 * ((red - green) / chroma + 4), chroma]
}
