import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import sharp from 'sharp'
import {
  checkAttachment,
  differenceFile,
  fetchAttachment,
  fileName,
} from '../../../src/discord/interaction/attachments.ts'
import { UserError } from '../../../src/errors.ts'

const attachment = { url: 'https://cdn.example.com/a.png', name: 'a.png', size: 1, contentType: 'image/png' }

/** Fetches from a server that answers so. */
async function fetchFrom(answer: RequestListener, timeoutMilliseconds = 20_000): Promise<Uint8Array> {
  const server = createServer(answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    const options = { origins: [origin], limitBytes: 1000, timeoutMilliseconds }
    return await fetchAttachment('B', { ...attachment, url: `${origin}/b.png` }, options)
  } finally {
    // Ends when the client has let go of every connection, idle ones aside.
    await new Promise((resolve) => server.close(resolve))
  }
}

const sentence = (pattern: RegExp) => (error: Error) => error instanceof UserError && pattern.test(error.message)

test('bytes come as they are', async () => {
  const bytes = await fetchFrom((_, response) => response.end(new Uint8Array([1, 2, 3])))
  assert.deepEqual([...bytes], [1, 2, 3])
})

test('a body without end is cut at the limit', { timeout: 60_000 }, async () => {
  let sent = 0
  let cut: Promise<unknown> | undefined
  const endless: RequestListener = (_, response) => {
    cut = once(response, 'close')
    const timer = setInterval(() => {
      response.write(new Uint8Array(100))
      sent++
    }, 10)
    void cut.then(() => clearInterval(timer))
  }
  await assert.rejects(fetchFrom(endless), sentence(/^B is too large/))
  await cut
  assert.ok(sent > 10)
})

test('a server that says nothing, breaks off or refuses is a sentence with the cause kept', async () => {
  const answers: RequestListener[] = [
    () => {},
    (_, response) => response.writeHead(200, { 'content-length': 10 }).write('x'),
    (request) => request.socket.destroy(),
    (_, response) => response.writeHead(404).end(),
  ]
  for (const answer of answers) {
    await assert.rejects(fetchFrom(answer, 300), (error: Error) => {
      return sentence(/^B could not be downloaded/)(error) && error.cause instanceof Error
    })
  }
})

test('only the listed origins are asked, whatever the address looks like', async () => {
  const origins = ['https://cdn.example.com']
  for (const url of [
    'http://cdn.example.com/a.png',
    'https://cdn.example.com:8443/a.png',
    'https://cdn.example.com.evil.test/a.png',
    'https://cdn.example.com@evil.test/a.png',
    'file:///etc/passwd',
    'nonsense',
  ]) {
    await assert.rejects(
      fetchAttachment('A', { ...attachment, url }, { origins }),
      sentence(/^A is on a host I may not/),
      url,
    )
  }
})

test('a type with parameters is known, an unknown one refused, an absent one left to the decoder', () => {
  checkAttachment('A', { ...attachment, contentType: 'Image/PNG; charset=binary' })
  checkAttachment('A', { ...attachment, contentType: null })
  assert.throws(() => checkAttachment('A', { ...attachment, contentType: 'image/bmp' }), sentence(/PNG, JPEG/))
  checkAttachment('A', { ...attachment, contentType: 'image/tiff' })
  for (const [claim, said] of [
    [{ contentType: 'image/heic' }, /^A is a HEIC photo.*iPhone/],
    [{ contentType: null, name: 'IMG_1.HEIC' }, /^A is a HEIC photo/],
    [{ contentType: 'image/svg+xml' }, /^A is an SVG drawing/],
    [{ contentType: 'video/mp4' }, /^A is a video/],
  ] as const) {
    assert.throws(() => checkAttachment('A', { ...attachment, ...claim }), sentence(said))
  }
  assert.throws(() => checkAttachment('A', { ...attachment, contentType: 'constructor' }), sentence(/PNG, JPEG/))
})

test('a difference is known by its ending, whatever Discord takes it for, and small', () => {
  const file = { ...attachment, name: 'Frame.SafeTensors', contentType: 'application/octet-stream' }
  checkAttachment('The file', file, differenceFile)
  checkAttachment('The file', { ...file, contentType: null, size: 1_000_000 }, differenceFile)
  const tooLarge = sentence(/^The file is too large; please send a difference file of at most 1 MB\.$/)
  assert.throws(() => checkAttachment('The file', { ...file, size: 1_000_001 }, differenceFile), tooLarge)
  const ending = sentence(/^The file is not a difference; please send a file that ends in `\.safetensors`/)
  assert.throws(() => checkAttachment('The file', { ...file, name: 'frame.safetensors.png' }, differenceFile), ending)
})

test('the name for posting again comes from the type, then the ending, and never from the sender', () => {
  assert.equal(fileName('a2', { ...attachment, contentType: 'image/jpeg', name: 'x.png' }), 'a2.jpg')
  assert.equal(fileName('b', { ...attachment, contentType: null, name: 'evil"\n.WEBP' }), 'b.webp')
  assert.equal(fileName('b', { ...attachment, contentType: null, name: 'b' }), 'b.png')
  assert.equal(fileName('b', { ...attachment, contentType: 'constructor', name: 'b' }), 'b.png')
})

test('a photograph comes without its place', async () => {
  const photograph = await sharp({ create: { width: 8, height: 8, channels: 3, background: 'red' } })
    .withExif({ IFD0: { Make: 'Secret' }, IFD3: { GPSLatitudeRef: 'N' } })
    .jpeg()
    .toBuffer()
  assert.ok(photograph.includes('Secret'))
  const bytes = await fetchFrom((_, response) => response.end(photograph))
  assert.ok(!Buffer.from(bytes).includes('Secret'))
  assert.equal((await sharp(bytes).metadata()).exif, undefined)
})
