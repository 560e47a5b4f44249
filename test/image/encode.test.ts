import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { decodeImage } from '../../src/image/decode.ts'
import { contactSheet, drawSvg, encodePng, pairPicture, thumbnail } from '../../src/image/encode.ts'
import { tensor } from '../../src/tensor/tensor.ts'
import { flat, halves, near, noise } from './drawn.ts'

const decode = (bytes: Uint8Array) => decodeImage(bytes, { name: 'A', width: 64, height: 64 })

test('a picture survives a round trip, and the same pixels give the same bytes', async () => {
  const { pixels } = await decode(await noise(64, 64).png().toBuffer())
  const bytes = await encodePng(pixels)
  assert.deepEqual(await encodePng(pixels), bytes)
  const again = await decode(bytes)
  assert.deepEqual(again.pixels, pixels)
})

test('a picture is cropped to the frame and takes the aspect ratio of the original', async () => {
  const original = await halves(100, 75).png().toBuffer()
  const { pixels, frame, size } = await decode(original)
  const { data, info } = await sharp(await encodePng(pixels, { frame, size }))
    .raw()
    .toBuffer({ resolveWithObject: true })
  assert.deepEqual([info.width, info.height, info.channels], [512, 384, 3])
  near([...data.subarray(0, 3)], [200, 40, 0], 2)
  near([...data.subarray(-3)], [0, 40, 200], 2)
})

test('the longest side is the original’s, but at least 512 px and at most 4 times the model’s', async () => {
  const pixels = tensor([3, 192, 192])
  const frame = { left: 0, top: 48, width: 192, height: 96 }
  for (const [width, height, ...expected] of [
    [20, 10, 512, 256],
    [600, 300, 600, 300],
    [4000, 2000, 768, 384],
  ] as const) {
    const result = await sharp(await encodePng(pixels, { frame, size: { width, height } })).metadata()
    assert.deepEqual([result.width, result.height], expected)
  }
})

test('values beyond −1…1 are cut off, and a number that is not finite is an error', async () => {
  const loud = tensor([3, 8, 8], new Float32Array(192).fill(3))
  near(
    [
      ...(
        await sharp(await encodePng(loud))
          .raw()
          .toBuffer()
      ).subarray(0, 3),
    ],
    [255, 255, 255],
    0,
  )
  await assert.rejects(encodePng(tensor([3, 8, 8], new Float32Array(192).fill(NaN))), RangeError)
})

test('a contact sheet is a white grid of whole pictures', async () => {
  const red = await flat(20, 20, 'red').png().toBuffer()
  const wide = await flat(40, 20, 'blue').jpeg().toBuffer()
  const sheet = sharp(await contactSheet([[red, wide, red], [wide]], { cell: 32 }))
  const { data, info } = await sheet.raw().toBuffer({ resolveWithObject: true })
  assert.deepEqual([info.width, info.height, info.channels], [3 * 34 + 2, 2 * 34 + 2, 3])
  const at = (x: number, y: number) => [...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3)]
  near(at(0, 0), [255, 255, 255], 0)
  near(at(10, 10), [255, 0, 0], 0)
  near(at(52, 4), [255, 255, 255], 0)
  near(at(52, 18), [0, 0, 254], 2)
  near(at(18, 52), [0, 0, 254], 2)
  near(at(52, 52), [255, 255, 255], 0)
})

test('a thumbnail is small, whole and upright, never enlarged, and tells nothing of the file', async () => {
  for (const [width, height, expected] of [
    [600, 300, [64, 128]],
    [40, 20, [20, 40]],
    [4000, 8, [1, 128]],
  ] as const) {
    const sideways = await halves(width, height).withMetadata({ orientation: 6 }).jpeg().toBuffer()
    const small = await thumbnail(sideways, 128)
    const { format, exif, orientation, ...size } = await sharp(small).metadata()
    assert.deepEqual([format, exif, orientation, size.width, size.height], ['png', undefined, undefined, ...expected])
  }
  const glass = sharp({ create: { width: 9, height: 9, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } })
  const { data } = await sharp(await thumbnail(await glass.png().toBuffer(), 128))
    .raw()
    .toBuffer({ resolveWithObject: true })
  near([...data.subarray(0, 3)], [255, 255, 255], 0)
})

test('a pair is shown side by side, whole, with an arrow between them', async () => {
  const red = await flat(20, 20, 'red').png().toBuffer()
  const wide = await flat(40, 20, 'blue').png().toBuffer()
  const { data, info } = await sharp(await pairPicture(red, wide))
    .raw()
    .toBuffer({ resolveWithObject: true })
  assert.deepEqual([info.width, info.height, info.channels], [272, 128, 4])
  const at = (x: number, y: number) => [...data.subarray((y * 272 + x) * 4, (y * 272 + x) * 4 + 4)]
  near(at(5, 5), [255, 0, 0, 255], 0)
  near(at(208, 64), [0, 0, 255, 255], 0)
  assert.equal(at(208, 5)[3], 0)
  assert.equal(at(136, 5)[3], 0)
  assert.ok(at(136, 64)[3]! > 200)
})

test('a drawing becomes a picture of its size', async () => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="30" height="20"><rect width="100%" height="100%" fill="#0a0"/></svg>'
  const { data, info } = await sharp(await drawSvg(svg))
    .raw()
    .toBuffer({ resolveWithObject: true })
  assert.deepEqual([info.width, info.height, info.channels, ...data.subarray(0, 3)], [30, 20, 3, 0, 170, 0])
})
