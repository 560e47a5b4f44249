import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { trapIn } from '../../src/image/traps.ts'

const picture = () => sharp({ create: { width: 40, height: 30, channels: 3, background: 'red' } })
const scan = Buffer.from('\xff\xda\0\x08\x01\x01\0\x01\x01\0\0\0', 'latin1')
const end = Buffer.from([0xff, 0xd9])
const times = (count: number, bytes: Buffer) => Buffer.concat(new Array<Buffer>(count).fill(bytes))

test('ordinary pictures are no trap', async () => {
  for (const [format, image] of [
    ['jpeg', picture().jpeg()],
    ['jpeg', picture().jpeg({ progressive: true })],
    ['webp', picture().webp()],
    ['heif', picture().avif()],
    ['png', picture().png()],
  ] as const) {
    assert.equal(trapIn(await image.toBuffer(), format), undefined)
  }
})

test('scans of a JPEG are counted up to its end, wherever they hide', async () => {
  const whole = await picture().jpeg().toBuffer()
  const [head, tail] = [whole.subarray(0, -2), times(200, scan)]
  assert.equal(trapIn(Buffer.concat([head, tail]), 'jpeg'), 'slow')
  assert.equal(trapIn(Buffer.concat([head, Buffer.from('noise'), end.subarray(0, 1), tail]), 'jpeg'), 'slow')
  assert.equal(trapIn(Buffer.concat([head, times(90, scan), end]), 'jpeg'), undefined)
  // A film behind a photo, and a small picture within its first part.
  assert.equal(trapIn(Buffer.concat([whole, tail]), 'jpeg'), undefined)
  const part = Buffer.concat([Buffer.from([0xff, 0xe1, (tail.length + 2) >> 8, (tail.length + 2) & 255]), tail])
  assert.equal(trapIn(Buffer.concat([whole.subarray(0, 2), part, whole.subarray(2)]), 'jpeg'), undefined)
})

test('frames of a WebP are counted', () => {
  const frame = Buffer.from('ANMF\x03\0\0\0abc\0', 'latin1')
  const webp = (frames: number) => Buffer.concat([Buffer.from('RIFF\0\0\0\0WEBP', 'latin1'), times(frames, frame)])
  assert.equal(trapIn(webp(10_000), 'webp'), undefined)
  assert.equal(trapIn(webp(10_001), 'webp'), 'slow')
})

test('sides beyond what can be said are seen anywhere in an AVIF', async () => {
  const file = await picture().avif().toBuffer()
  const at = file.indexOf('ispe') + 8
  for (const [offset, trap] of [
    [at, 'damaged'],
    [at + 4, 'damaged'],
    [at - 4, undefined],
  ] as const) {
    const copy = Buffer.from(file)
    copy.writeUInt32BE(0x7fffffff, offset)
    assert.equal(trapIn(copy, 'heif'), trap)
  }
})

test('what is cut off anywhere does not stop the search', async () => {
  for (const [format, image] of [
    ['jpeg', picture().jpeg()],
    ['webp', picture().webp()],
    ['heif', picture().avif()],
  ] as const) {
    const file = await image.toBuffer()
    for (let length = 0; length < file.length; length++)
      assert.equal(trapIn(file.subarray(0, length), format), undefined)
  }
})
