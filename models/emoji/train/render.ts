import { blur, castShadow, frame, treat } from './effects.ts'
import { cover, createSprites, type Placed, type Sprites } from './sprites.ts'
import { colourOf, type Jitter, luma, NO_JITTER, POSITIONS, type Scene, SIZES, TURNS } from './world.ts'

/** Icons are drawn this large before they are turned and scaled, or as large as the picture. */
const SPRITE_SIDE = 128
/** Fraction of the side, of each of two things. */
const BESIDE_SIZE = 0.46

export interface Renderer {
  /** RGB, `side` × `side` × 3, 0…255. */
  render(scene: Scene, jitter?: Jitter): Promise<Uint8Array>
}

/** Draws scenes of `side` × `side` pixels. Icons are kept in the sizes they were drawn in. */
export async function createRenderer(side: number): Promise<Renderer> {
  const sprites = createSprites(Math.max(SPRITE_SIDE, side))
  return { render: (scene, jitter = NO_JITTER) => compose(sprites, scene, jitter, side) }
}

async function compose(sprites: Sprites, scene: Scene, jitter: Jitter, side: number): Promise<Uint8Array> {
  const two = scene.beside !== 'none'
  const thingSide = Math.round(((two ? BESIDE_SIZE : SIZES[scene.size]) + jitter.size) * side)
  const free = (side - thingSide) / 2
  const [directionX, directionY] = POSITIONS[scene.position]
  // A half turn is a flip both ways, and a flip turns the turning round.
  const flipY = scene.turn === 'upside down'
  const flipX = scene.mirrored !== flipY
  const angle = (flipY ? 0 : TURNS[scene.turn]) + jitter.angle
  const place = async (thing: string, tone: Scene['tone'], moved: number): Promise<Placed> => ({
    sprite: await sprites(scene.style, thing, tone, flipX === flipY ? angle : -angle, thingSide),
    left: Math.round(free + directionX * free * 0.85 + moved * free * 0.88 + (jitter.x * side) / 64),
    top: Math.round(free + directionY * free * 0.85 + (jitter.y * side) / 64),
    flipX,
    flipY,
  })
  const placed = await Promise.all(
    two ? [place(scene.thing, scene.tone, -1), place(scene.beside, 'none', 1)] : [place(scene.thing, scene.tone, 0)],
  )
  const background = colourOf(scene.background).map((channel, index) =>
    Math.min(255, Math.max(0, channel + jitter.colour[index]!)),
  )
  const picture = new Float32Array(side * side * 3)
  for (let index = 0; index < picture.length; index++) picture[index] = background[index % 3]!
  if (scene.shadow) castShadow(picture, placed, side)
  const lightInk = scene.style === 'ink' && luma(background) < 90
  for (const each of placed) {
    cover(each, side, (pixel, source, alpha) => {
      for (let channel = 0; channel < 3; channel++) {
        const ink = lightInk ? 245 : each.sprite.pixels[source + channel]!
        picture[pixel * 3 + channel]! += (ink - picture[pixel * 3 + channel]!) * alpha
      }
    })
  }
  treat(picture, scene, side)
  frame(picture, scene, side)
  return scene.treatment === 'blurred' ? blur(picture, scene, side) : Uint8Array.from(picture, Math.round)
}
