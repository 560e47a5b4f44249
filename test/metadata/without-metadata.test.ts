import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { withoutMetadata } from '../../src/metadata/without-metadata.ts'

// A picture of 24 × 16 whose left half is red and whose right half is blue, with a camera, a place and words in it.

const formats = ['jpeg', 'png', 'webp', 'gif', 'avif'] as const
const secret = 'Secret Camera 0815'

const plain = () =>
  sharp({ create: { width: 24, height: 16, channels: 3, background: 'red' } }).composite([
    { input: { create: { width: 12, height: 16, channels: 3, background: 'blue' } }, left: 12, top: 0 },
  ])

async function photograph(format: (typeof formats)[number], orientation = 1): Promise<Buffer> {
  const written = await plain()
    .withMetadata({ orientation })
    .withExif({
      IFD0: { Make: secret, Artist: secret, Orientation: String(orientation) },
      IFD3: { GPSLatitudeRef: 'N', GPSLatitude: '51/1 30/1 3230/100' },
    })
    .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- ${secret} --></x:xmpmeta>`)
    .withIccProfile('p3')
    .toFormat(format)
    .toBuffer()
  return format === 'gif' ? withComment(written) : written
}

/** A comment is all that a GIF has of metadata. */
function withComment(gif: Buffer): Buffer {
  const palette = gif[10]! & 0x80 ? 3 * 2 ** ((gif[10]! & 7) + 1) : 0
  const comment = Buffer.concat([Buffer.from([0x21, 0xfe, secret.length]), Buffer.from(secret), Buffer.from([0])])
  return Buffer.concat([gif.subarray(0, 13 + palette), comment, gif.subarray(13 + palette)])
}

const pixels = (bytes: Uint8Array) => sharp(bytes).autoOrient().toColourspace('srgb').removeAlpha().raw().toBuffer()

for (const format of formats) {
  test(`a ${format} keeps its pixels and its colour profile, and nothing that tells of its maker`, async () => {
    const original = await photograph(format)
    assert.ok(original.includes(secret), 'it is there before')
    const clean = withoutMetadata(original)
    assert.ok(!Buffer.from(clean).includes(secret))
    const [before, after] = [await sharp(original).metadata(), await sharp(clean).metadata()]
    assert.deepEqual([after.format, after.width, after.height], [before.format, before.width, before.height])
    assert.deepEqual(after.icc, before.icc)
    assert.deepEqual(
      [after.exif, after.xmp, after.iptc].map((part) => part?.some((byte) => byte > 0) ?? false),
      [false, false, false],
    )
    assert.deepEqual(await pixels(clean), await pixels(original))
  })
}

for (const format of ['jpeg', 'png', 'webp'] as const) {
  test(`a ${format} stays the way up that its EXIF says`, async () => {
    for (const orientation of [2, 3, 6, 8]) {
      const original = await photograph(format, orientation)
      const clean = withoutMetadata(original)
      assert.ok(!Buffer.from(clean).includes(secret))
      assert.equal((await sharp(clean).metadata()).orientation, orientation)
      assert.deepEqual(await pixels(clean), await pixels(original))
    }
  })
}

test('what follows a picture goes, such as the film of a “motion photo”', async () => {
  for (const format of ['jpeg', 'png', 'webp', 'gif'] as const) {
    const clean = withoutMetadata(Buffer.concat([await photograph(format), Buffer.from(`ftypmp42 ${secret}`)]))
    assert.ok(!Buffer.from(clean).includes(secret), format)
  }
})

test('a progressive JPEG and an animated GIF and WebP stay whole', async () => {
  const progressive = await plain()
    .withExif({ IFD0: { Make: secret } })
    .jpeg({ progressive: true })
    .toBuffer()
  assert.deepEqual(await pixels(withoutMetadata(progressive)), await pixels(progressive))
  const frames = [0, 120, 240].map((hue) => ({
    create: { width: 8, height: 8, channels: 3 as const, background: `hsl(${hue}, 100%, 50%)` },
  }))
  const pages = await Promise.all(frames.map((frame) => sharp(frame).png().toBuffer()))
  for (const format of ['gif', 'webp'] as const) {
    const animated = await sharp(pages, { join: { animated: true } })
      .toFormat(format)
      .toBuffer()
    const clean = withoutMetadata(animated)
    assert.equal((await sharp(clean, { animated: true }).metadata()).pages, 3)
    const all = (bytes: Uint8Array) => sharp(bytes, { animated: true }).raw().toBuffer()
    assert.deepEqual(await all(clean), await all(animated))
  }
})

test('a JPEG that lacks its end gets one', async () => {
  const whole = await photograph('jpeg')
  const clean = Buffer.from(withoutMetadata(whole.subarray(0, -2)))
  assert.deepEqual(clean.subarray(-2), Buffer.from([0xff, 0xd9]))
  assert.deepEqual(await pixels(clean), await pixels(whole))
})

test('damaged files and other files are never an error', async () => {
  for (const format of formats) {
    const whole = await photograph(format)
    for (let length = 1; length < whole.length; length += 7) withoutMetadata(whole.subarray(0, length))
    for (let at = 0; at < whole.length; at += 5) {
      const broken = Buffer.from(whole)
      broken[at] = 255 - broken[at]!
      withoutMetadata(broken)
    }
  }
  const tiff = await plain().tiff().toBuffer()
  assert.equal(withoutMetadata(tiff), tiff)
})
