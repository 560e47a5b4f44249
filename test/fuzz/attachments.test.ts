import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import {
  checkAttachment,
  differenceFile,
  fetchAttachment,
  fileName,
  picture,
} from '../../src/discord/interaction/attachments.ts'
import { UserError } from '../../src/errors.ts'
import { diceOf, factor, pick, seed } from './dice.ts'
import { hostileTexts } from './hostile-texts.ts'
import { flawOf } from './sentence.ts'

test('2,000 claims about a file are let in or refused with a sentence, and leave no trace in a name', async () => {
  for (let index = 0; index < 2000 * factor; index++) {
    const random = diceOf('attachment', index)
    const odd = () => pick(random, hostileTexts)
    const type = pick(random, ['image/png', 'image/jpeg', 'image/webp', 'application/octet-stream', odd()])
    const attachment = {
      url: `${pick(random, ['https:', 'http:', 'file:', 'data:', odd()])}//${pick(random, ['cdn.example.com', odd()])}/${odd()}`,
      name: odd() + pick(random, ['.png', '.JPG', '.safetensors', '.svg', odd()]),
      size: pick(random, [0, 1, 1e6, 1e7, 1e7 + 1, 2 ** 53, NaN, -1]),
      contentType: pick(random, [null, type, `${type};${odd()}`, `${odd()}/${odd()}`]),
    }
    const which = `FUZZ_SEED=${seed}, attachment ${index}: ${JSON.stringify(attachment)}`
    const refused = (error: unknown) => {
      assert.ok(error instanceof UserError, which)
      assert.equal(flawOf(error.message, /^A /), undefined, which)
      return true
    }
    for (const kind of [picture, differenceFile]) {
      try {
        checkAttachment('A', attachment, kind)
      } catch (error) {
        refused(error)
      }
    }
    assert.match(fileName('a', attachment), /^a\.(png|jpe?g|webp|gif|avif)$/, which)
    await assert.rejects(fetchAttachment('A', attachment, { origins: ['https://cdn.example.net'] }), refused)
  }
})

test('a download that unfolds is cut at the limit', async () => {
  const bomb = gzipSync(Buffer.alloc(200e6), { level: 1 })
  const server = createServer((_, response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const before = process.memoryUsage.rss()
  const attachment = { url: `${origin}/a.png`, name: 'a.png', size: 100, contentType: 'image/png' }
  await assert.rejects(fetchAttachment('A', attachment, { origins: [origin] }), /^UserError: A is too large; /)
  assert.ok(process.memoryUsage.rss() - before < 100e6)
  await new Promise((resolve) => server.close(resolve))
})
