import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pictureName } from '../../../src/discord/message/picture-name.ts'

const heads: readonly (readonly [string, Uint8Array])[] = [
  ['png', Buffer.from('\x89PNG\r\n\x1a\n', 'latin1')],
  ['jpg', Buffer.from('\xff\xd8\xff\xe0\x00\x10JFIF', 'latin1')],
  ['gif', Buffer.from('GIF89a')],
  ['webp', Buffer.from('RIFF\n\x00\r\u2028WEBPVP8 ', 'latin1')],
  ['avif', Buffer.from('\x00\x00\x00\x20ftypavif')],
  ['avif', Buffer.from('\x00\x00\x00\n\x66typavis')],
  ['png', Buffer.from('something else')],
  ['png', new Uint8Array()],
]
for (const [ending, bytes] of heads) {
  test(`a picture that begins with ${Buffer.from(bytes).toString('hex')} is called b2.${ending}`, () => {
    assert.equal(pictureName('b2', bytes), `b2.${ending}`)
  })
}
