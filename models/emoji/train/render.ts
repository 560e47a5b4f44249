import { COLOURS, type Colour, luma } from './colours.ts'
import { cover, type Placed } from './compose.ts'
import { castShadow, frame, treat, turnHue, turnTo } from './effects.ts'
import { createSprites, type Sprite } from './sprites.ts'
import { seeded } from './uniform.ts'
import type { Scene } from './world.ts'

/** Fraction of the side, of each of two things. */
const BESIDE_SIZE = 0.46
/** Of the free space, how far a thing at the very edge is moved. */
const REACH = 0.85

export interface Renderer {
  /** RGB, `side` × `side` × 3, 0…255. */
  render(scene: Scene): Promise<Uint8Array>
}

/** Draws scenes of `side` × `side` pixels. Icons are kept. */
export function createRenderer(side: number): Renderer {
  const sprites = createSprites(Math.max(256, side))
  return {
    async render(scene) {
      const first = await sprites(scene.style, scene.thing, scene.tone)
      const second = scene.beside === 'none' ? undefined : await sprites(scene.style, scene.beside, 'none')
      return compose(scene, second ? [first, second] : [first], side)
    },
  }
}

function compose(scene: Scene, sprites: readonly Sprite[], side: number): Uint8Array {
  const two = sprites.length > 1
  const size = two ? BESIDE_SIZE : scene.size
  const free = ((1 - size) / 2) * side
  const [across, down] = two ? [0, 0] : scene.place
  const placed = sprites.map(
    (sprite, index): Placed => ({
      sprite,
      x: side / 2 + (two ? (2 * index - 1) * 0.88 : across * REACH) * free,
      y: side / 2 + down * REACH * free,
      side: size * side,
      turn: scene.turn,
      mirrored: scene.mirrored,
      softness: scene.softness,
    }),
  )
  const picture = paintBackground(scene, side)
  if (scene.shadow !== 'none') castShadow(picture, placed, scene.shadow, side)
  for (const each of placed) paintThing(picture, each, scene, side)
  // The frame lies over what is treated, sharp and in its own colour.
  treat(picture, scene, side)
  frame(picture, scene, side)
  if (scene.grain > 0) {
    const uniform = seeded(Math.round(scene.grain * 1e6))
    for (let index = 0; index < picture.length; index++)
      picture[index]! += scene.grain * (uniform() + uniform() + uniform() - 1.5) * 2
  }
  const whole = new Uint8ClampedArray(picture.length)
  whole.set(picture)
  return new Uint8Array(whole.buffer)
}

function paintBackground({ background, fade }: Scene, side: number): Float32Array {
  const picture = new Float32Array(side * side * 3)
  for (let pixel = 0; pixel < side * side; pixel++) {
    const way = fade ? ((fade.sideways ? pixel % side : Math.floor(pixel / side)) + 0.5) / side : 0
    for (let channel = 0; channel < 3; channel++) {
      const from = background[channel]!
      picture[pixel * 3 + channel] = fade ? from + (fade.to[channel]! - from) * way : from
    }
  }
  return picture
}

/** Black ink on a dark background is light; ink that is recoloured has the colour itself, for it has no hue to turn. */
function paintThing(picture: Float32Array, placed: Placed, scene: Scene, side: number): void {
  const { recoloured, style } = scene
  const inked: Colour | undefined =
    style !== 'ink'
      ? undefined
      : recoloured !== 'own'
        ? COLOURS[recoloured]
        : luma(scene.background) < 90
          ? [245, 245, 245]
          : undefined
  const degrees = recoloured === 'own' ? 0 : turnTo(recoloured, placed.sprite.hue)
  cover(placed, side, (pixel, red, green, blue, alpha) => {
    const share = alpha / 255
    let colour: Colour = [red, green, blue]
    if (inked) colour = [inked[0] * share, inked[1] * share, inked[2] * share]
    else if (recoloured !== 'own') colour = turnHue(colour, degrees)
    for (let channel = 0; channel < 3; channel++) {
      const at = pixel * 3 + channel
      picture[at] = picture[at]! * (1 - share) + colour[channel]!
    }
  })
}
