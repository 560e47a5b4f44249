import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { deflateSync } from 'node:zlib'
import sharp from 'sharp'
import { decodeImage } from '../../src/image/decode.ts'
import { pairPicture, thumbnail } from '../../src/image/encode.ts'
import { english } from '../../src/sentence.ts'
import type { Tensor } from '../../src/tensor/tensor.ts'
import { chunk, colour, flat, halves, near, noise, png } from './drawn.ts'

const decode = (bytes: Uint8Array, name = 'A') => decodeImage(bytes, { name, width: 64, height: 64 })

describe('what a picture becomes', () => {
  test('it is fitted whole, centred, and padded with the mean colour of its border', async () => {
    const picture = await decode(await halves(120, 60).png().toBuffer())
    assert.deepEqual(picture.pixels.dims, [3, 64, 64])
    assert.deepEqual(picture.frame, { left: 0, top: 16, width: 64, height: 32 })
    assert.deepEqual(picture.size, { width: 120, height: 60 })
    assert.deepEqual(picture.notices.map(english), [])
    near(colour(picture, 4, 32), [200, 40, 0], 2)
    near(colour(picture, 60, 32), [0, 40, 200], 2)
    near(colour(picture, 10, 3), [100, 40, 100], 2)
    near(colour(picture, 60, 60), [100, 40, 100], 2)
  })

  test('it is turned upright', async () => {
    const sideways = await halves(120, 60).withMetadata({ orientation: 6 }).jpeg({ quality: 95 }).toBuffer()
    const picture = await decode(sideways)
    assert.deepEqual(picture.size, { width: 60, height: 120 })
    assert.deepEqual(picture.frame, { left: 16, top: 0, width: 32, height: 64 })
    near(colour(picture, 32, 5), [200, 40, 0], 6)
    near(colour(picture, 32, 60), [0, 40, 200], 6)
  })

  test('transparency becomes white', async () => {
    const half = { r: 100, g: 0, b: 0, alpha: 0.5 }
    const glass = sharp({ create: { width: 20, height: 20, channels: 4, background: half } })
    for (const bytes of [await glass.png().toBuffer(), await glass.webp({ lossless: true }).toBuffer()]) {
      near(colour(await decode(bytes), 30, 30), [178, 127, 127], 2)
    }
  })

  const plain = () => flat(40, 40, { r: 170, g: 120, b: 90 })
  const asRgb = [170, 120, 90]
  const asGrey = [131, 131, 131]
  for (const [name, bytes, expected, tolerance] of [
    ['PNG', plain().png(), asRgb, 1],
    ['palette PNG', plain().png({ palette: true }), asRgb, 1],
    ['16-bit PNG', plain().toColourspace('rgb16').png(), asRgb, 1],
    ['greyscale PNG', plain().toColourspace('b-w').png(), asGrey, 1],
    ['16-bit greyscale PNG', plain().toColourspace('grey16').png(), asGrey, 1],
    ['JPEG', plain().jpeg({ quality: 95 }), asRgb, 3],
    ['greyscale JPEG', plain().toColourspace('b-w').jpeg(), asGrey, 2],
    ['CMYK JPEG', plain().toColourspace('cmyk').jpeg(), asRgb, 12],
    ['PNG with a Display P3 profile', plain().withIccProfile('p3').png(), asRgb, 2],
    ['WebP', plain().webp({ lossless: true }), asRgb, 1],
    ['GIF', plain().gif(), asRgb, 1],
    ['AVIF', plain().avif({ lossless: true }), asRgb, 2],
    ['TIFF', plain().tiff({ compression: 'lzw' }), asRgb, 1],
  ] as const) {
    test(`${name} is read as 8-bit sRGB`, async () => {
      const picture = await decode(await bytes.toBuffer())
      near(colour(picture, 32, 32), expected, tolerance)
      assert.deepEqual(picture.notices.map(english), [])
    })
  }

  test('the first frame of an animation is used, and the person is told', async () => {
    const frames = Buffer.concat([Buffer.alloc(1200, 250), Buffer.alloc(1200, 10)])
    const animation = () => sharp(frames, { raw: { width: 20, height: 40, channels: 3, pageHeight: 20 } })
    for (const image of [animation().gif(), animation().webp()]) {
      const picture = await decode(await image.toBuffer(), 'B')
      assert.deepEqual(picture.notices.map(english), ['B is animated; its first frame was used.'])
      assert.deepEqual(picture.size, { width: 20, height: 20 })
      near(colour(picture, 32, 32), [250, 250, 250], 1)
    }
    const pages = await decode(await animation().tiff().toBuffer(), 'B')
    assert.deepEqual(pages.notices.map(english), ['B has 2 pages; its first was used.'])
    const apng = await decode(png(20, 20, [chunk('acTL', Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]))]), 'B')
    assert.deepEqual(apng.notices.map(english), ['B is animated; its first frame was used.'])
  })
})

describe('a JPEG that is cut off', () => {
  test('lacking only its end it is whole', async () => {
    const whole = await halves(120, 60).jpeg().toBuffer()
    const cut = await decode(whole.subarray(0, -2))
    assert.deepEqual(cut.pixels, (await decode(whole)).pixels)
    assert.deepEqual(cut.notices.map(english), [])
  })

  test('lacking pixels it is read as far as it goes, and says so; its small pictures are drawn as well', async () => {
    const whole = await noise(256, 256).jpeg({ quality: 95 }).toBuffer()
    const cut = whole.subarray(0, whole.length * 0.7)
    const { pixels, notices } = await decode(cut)
    assert.deepEqual(notices.map(english), ['A is cut off: a part of it is missing.'])
    const upper = (picture: Tensor) => picture.data.subarray(0, 64 * 32)
    assert.deepEqual(upper(pixels), upper((await decode(whole)).pixels))
    assert.equal((await sharp(await thumbnail(cut, 32)).metadata()).width, 32)
    await pairPicture(cut, whole)
  })

  test('lacking all of them it is refused', async () => {
    const whole = await halves(120, 60).jpeg().toBuffer()
    await assert.rejects(decode(whole.subarray(0, 20)), /is damaged or cut off/)
  })
})

describe('what is refused, in one sentence that names the picture', () => {
  const refused = (bytes: Uint8Array, expected: string) =>
    assert.rejects(decode(bytes, 'A′'), { name: 'UserError', message: expected })

  test('what is not a picture', async () => {
    const unreadable = 'A′ is not a picture that can be read here: use a PNG, JPEG, WebP, GIF, AVIF or TIFF file.'
    for (const text of ['hello', '%PDF-1.4', 'RIFF....WAVE', '\0\0\0\0']) await refused(Buffer.from(text), unreadable)
    await refused(new Uint8Array(), 'A′ is empty: choose another picture.')
    const svg = 'A′ is an SVG drawing: save it as a PNG first.'
    for (const start of ['<svg ', '\ufeff\n<SVG ', '<?xml version="1.0"?>\n<svg ', '<!-- a --><svg ']) {
      await refused(Buffer.from(`${start}xmlns="http://www.w3.org/2000/svg" width="20" height="20"/>`), svg)
    }
    const heic = Buffer.from('\0\0\0\x18ftypheic\0\0\0\0mif1heic', 'latin1')
    await refused(
      heic,
      'A′ is a HEIC photo, which cannot be read here: on an iPhone, choose Options → Most Compatible when you share it, or send a screenshot.',
    )
  })

  const damaged = 'A′ is damaged or cut off: save it again as a PNG or JPEG.'
  for (const format of ['png', 'webp', 'gif', 'avif', 'tiff'] as const) {
    test(`a ${format} that is cut off`, async () => {
      const whole = await halves(120, 60)[format]().toBuffer()
      for (const kept of [20, whole.length * 0.5, whole.length * 0.9]) await refused(whole.subarray(0, kept), damaged)
    })
  }

  test('a picture with no pixels, and one too small to show anything', async () => {
    await refused(png(0, 0), damaged)
    const dot = await flat(1, 1, 'red').png().toBuffer()
    await refused(dot, 'A′ is 1 × 1 pixels, too small to show anything: use at least 8 × 8.')
  })

  test('a picture that is a line', async () => {
    const strip = (width: number, height: number) => flat(width, height, 'red').png().toBuffer()
    await refused(
      await strip(20_000, 8),
      'A′ is 20000 × 8 pixels, more than 8 times as wide as high: crop it to what it is about.',
    )
    await refused(
      await strip(1080, 10_000),
      'A′ is 1080 × 10000 pixels, more than 8 times as high as wide: crop it to what it is about.',
    )
    assert.deepEqual((await decode(await strip(800, 100))).frame, { left: 0, top: 28, width: 64, height: 8 })
  })

  test('a file that is too large', async () => {
    await refused(Buffer.alloc(12 * 2 ** 20), 'A′ is 12.0 MB and the limit is 10 MB: make it smaller.')
  })

  test('a decompression bomb, at no cost', async () => {
    const before = process.resourceUsage().maxRSS
    const started = performance.now()
    const rows = deflateSync(Buffer.alloc(40_000 * 300))
    for (const bomb of [png(40_000, 40_000), png(40_000, 40_000, [], rows)]) {
      await refused(bomb, 'A′ is 40000 × 40000 pixels and the limit is 67 million: make it smaller.')
    }
    assert.ok(performance.now() - started < 2000)
    assert.ok(process.resourceUsage().maxRSS - before < 100 * 1024, 'kilobytes')
  })
})
