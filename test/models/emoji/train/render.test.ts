import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blend, COLOURS, type Colour } from '../../../../models/emoji/train/colours.ts'
import { turnHue } from '../../../../models/emoji/train/effects.ts'
import { createRenderer } from '../../../../models/emoji/train/render.ts'
import { PLAIN, type Scene, SIZES } from '../../../../models/emoji/train/world.ts'

const SIDE = 64
const { render } = createRenderer(SIDE)
const dog: Scene = { ...PLAIN, thing: 'dog-face', style: 'flat' }
const at = (picture: Uint8Array, x: number, y: number) => [
  ...picture.subarray((y * SIDE + x) * 3, (y * SIDE + x) * 3 + 3),
]
const difference = (one: Uint8Array, other: Uint8Array) =>
  one.reduce((sum, value, index) => sum + Math.abs(value - other[index]!), 0) / one.length
/** Where two pictures differ, as [x, y]. */
const changed = (one: Uint8Array, other: Uint8Array) =>
  [...one].flatMap((value, index) =>
    Math.abs(value - other[index]!) > 2 ? [[Math.floor(index / 3) % SIDE, Math.floor(index / 3 / SIDE)] as const] : [],
  )

test('a background is its colour, and fades into another', async () => {
  assert.deepEqual(at(await render({ ...dog, background: COLOURS.teal }), 0, 0), [15, 125, 125])
  const fading = await render({
    ...dog,
    size: 0.3,
    background: COLOURS.black,
    fade: { to: COLOURS.white, sideways: false },
  })
  const middle = blend(COLOURS.black, COLOURS.white)
  assert.ok(
    Math.abs(at(fading, 0, 32)[0]! - middle[0]) < 3 && at(fading, 0, 0)[0]! < 24 && at(fading, 63, 63)[0]! > 250,
  )
  assert.deepEqual(at(fading, 0, 20), at(fading, 63, 20))
})

test('a shadow falls below and to the right', async () => {
  const alone = await render({ ...dog, size: 0.42 })
  for (const shadow of ['soft', 'hard'] as const) {
    const shadowed = await render({ ...dog, size: 0.42, shadow })
    assert.deepEqual(at(alone, 35, 46), [255, 255, 255])
    assert.ok(at(shadowed, 35, 46)[0]! < 200)
    assert.deepEqual(at(shadowed, 20, 20), [255, 255, 255])
  }
})

test('a companion is on the right', async () => {
  const [cat, tiger] = [await render({ ...dog, beside: 'cat-face' }), await render({ ...dog, beside: 'tiger-face' })]
  const across = changed(cat, tiger).map(([x]) => x)
  assert.ok(across.length > 300 && Math.min(...across) >= 31)
})

test('size and place are those of the scene', async () => {
  const background = await render({ ...dog, size: SIZES.small, place: [-1, -1], background: COLOURS.lime })
  const empty = new Uint8Array(SIDE * SIDE * 3).map((_, index) => COLOURS.lime[index % 3]!)
  const places = changed(background, empty)
  assert.ok(Math.max(...places.flat()) < SIDE * 0.5 && Math.min(...places.flat()) >= 1)
})

test('a mirrored thing turns the other way round', async () => {
  const flip = (picture: Uint8Array) =>
    picture.map((_, index) => {
      const [pixel, channel] = [Math.floor(index / 3), index % 3]
      return picture[(pixel - (pixel % SIDE) + SIDE - 1 - (pixel % SIDE)) * 3 + channel]!
    })
  const airplane: Scene = { ...dog, thing: 'airplane', size: 0.66 }
  const mirrored = await render({ ...airplane, turn: -32, mirrored: true })
  const tilted = flip(await render({ ...airplane, turn: 32 }))
  assert.ok(difference(mirrored, tilted) < 0.5)
  assert.ok(difference(mirrored, await render({ ...airplane, turn: -32 })) > 5)
})

test('a turn of 90 degrees is clockwise', async () => {
  const upright = await render({ ...dog, thing: 'airplane' })
  const turned = await render({ ...dog, thing: 'airplane', turn: 90 })
  const rotated = upright.map((_, index) => {
    const [pixel, channel] = [Math.floor(index / 3), index % 3]
    const [x, y] = [pixel % SIDE, Math.floor(pixel / SIDE)]
    return upright[((SIDE - 1 - x) * SIDE + y) * 3 + channel]!
  })
  assert.ok(difference(turned, rotated) < 0.5)
})

test('recolouring turns the hues of the thing, and nothing else', async () => {
  const heart: Scene = { ...dog, thing: 'red-heart', background: COLOURS.yellow }
  const blue = await render({ ...heart, recoloured: 'blue' })
  const [red, , strongest] = at(blue, 32, 32)
  assert.ok(strongest! > 180 && red! < 120, `${at(blue, 32, 32)}`)
  assert.deepEqual(at(blue, 0, 0), [...COLOURS.yellow])
  const grey: Colour = [90, 90, 90]
  assert.deepEqual(turnHue(grey, 77), grey)
  assert.deepEqual(turnHue([200, 0, 0], 120).map(Math.round), [0, 200, 0])
})

test('a frame lies over what is treated, as wide as it says', async () => {
  const framed = await render({ ...dog, treatment: 'negative', frame: 'red', frameWidth: 0.1 })
  assert.deepEqual(at(framed, 6, 32), [...COLOURS.red])
  assert.deepEqual(at(framed, 7, 7), [0, 0, 0])
})
